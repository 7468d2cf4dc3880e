/** What a store is for. A request fails without the stores that it needs. */
export type StoreRole = 'queue' | 'cache' | 'store';
