/** The one row that says how a store was made. */
export interface MetaDoc {
  _id: 'store';
  pepperFingerprint: string;
  createdAt: Date;
  /** From then on new events are stored under keyed ids. The epoch: the store never held any other. */
  keyedIdsFrom?: Date;
}
