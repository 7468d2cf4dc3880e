/** The row that records how the database was created. */
export interface MetaDoc {
  _id: 'store';
  pepperFingerprint: string;
  createdAt: Date;
  /** When new events switch to keyed IDs. Set to the epoch if the database never contained former IDs. */
  keyedIdsFrom?: Date;
}
