import type { Config } from '../../../shared/config/config';
import { messageOf } from '../../../shared/errors';
import { type ServerFacts, serverFacts, tryTransactions } from '../../../shared/store/server-facts';
import { pendingSteps, stepText } from '../../../shared/store/indexes';
import type { Store } from '../../../shared/store/store';
import { checked, type Finding, fail, ok, warn } from './finding';

const MIN_MAJOR = 7;
/** A killed process's transaction blocks its rows for so long; the server's own default is 60. */
const LONG_LIFETIME_SECONDS = 30;
const MAX_NAMED = 5;

const MIGRATE = 'run `mir migrate apply`';

function checkServer(
  { version, replicaSet, isWritable, transactionLifetimeSeconds }: ServerFacts,
  production: boolean,
): Finding[] {
  const findings: Finding[] = [];
  const major = Number(version.split('.')[0]);
  findings.push(
    major >= MIN_MAJOR
      ? ok('mongo', `answers, version ${version}`)
      : fail('mongo', `version ${version}`, `run MongoDB ${MIN_MAJOR} or later`),
  );
  if (replicaSet === null) {
    const remedy = 'start mongod with --replSet rs0 and call rs.initiate() once; one member is enough';
    findings.push(fail('replica set', 'the server is no member of a replica set', remedy));
  } else if (!isWritable) {
    const remedy = 'name all members in MONGO_URL with ?replicaSet=…, or wait for the election';
    findings.push(fail('replica set', `the server is a member of ${replicaSet}, but not its primary`, remedy));
  } else findings.push(ok('replica set', `primary of ${replicaSet}`));
  if (production && (transactionLifetimeSeconds ?? 0) > LONG_LIFETIME_SECONDS) {
    const found = `transactionLifetimeLimitSeconds is ${transactionLifetimeSeconds}: a killed process holds its rows that long`;
    findings.push(warn('transactions', found, 'start mongod with --setParameter transactionLifetimeLimitSeconds=10'));
  }
  return findings;
}

async function checkTransactions({ connection }: Store): Promise<Finding[]> {
  await tryTransactions(connection);
  return [ok('transactions', 'one was committed, one aborted, as it should be')];
}

async function checkPepper(store: Store, fingerprint: string): Promise<Finding[]> {
  const pepper = await store.pepper(fingerprint);
  if (pepper === 'same') return [ok('pepper', 'is the one that this store was made with')];
  if (pepper === 'new') return [ok('pepper', 'will be remembered at the first start: the store is new')];
  const found = 'SUBJECT_PEPPER is not the one that this store was made with: every user would be a stranger';
  return [fail('pepper', found, 'set the old SUBJECT_PEPPER again, or name the right database in MONGO_URL')];
}

/** Not read as a URL: one that names several members of a replica set is none to the WHATWG. */
function namesDatabase(mongoUrl: string): boolean {
  return /^[^/]*\/\/[^/]*\/[^?]/.test(mongoUrl);
}

function named(texts: string[]): string {
  const more = texts.length - MAX_NAMED;
  return texts.slice(0, MAX_NAMED).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

async function checkMigrations(store: Store): Promise<Finding[]> {
  const { data, indexes } = await store.migrations.plan();
  const pending = pendingSteps(indexes);
  const extra = indexes.filter(({ kind }) => kind === 'EXTRA');
  const findings: Finding[] = [];
  if (pending.length > 0) findings.push(fail('indexes', `pending: ${named(pending.map(stepText))}`, MIGRATE));
  else findings.push(ok('indexes', "are those of this version's schemas"));
  if (extra.length > 0) {
    findings.push(warn('indexes', named(extra.map(stepText)), 'drop them in mongosh if nobody needs them'));
  }
  if (data.length > 0) findings.push(fail('data', `not migrated: ${named(data.map(({ id }) => id))}`, MIGRATE));
  return findings;
}

/** Server, transactions, pepper, indexes and data of MongoDB; `clock` is for the comparison with the others. */
export async function checkMongo(
  store: Store,
  { mongoUrl, production }: Pick<Config, 'mongoUrl' | 'production'>,
  fingerprint: string,
): Promise<{ findings: Finding[]; clock: ServerFacts['clock'] | null }> {
  let facts: ServerFacts;
  try {
    facts = await serverFacts(store.connection);
  } catch (error) {
    return { findings: [fail('mongo', messageOf(error), `look at the server that MONGO_URL names`)], clock: null };
  }
  const findings = checkServer(facts, production);
  if (!namesDatabase(mongoUrl)) {
    findings.push(warn('mongo', 'MONGO_URL names no database, so it is `test`', 'add it: mongodb://host:27017/mir'));
  }
  const server = 'MongoDB must be a replica set of version 7 or later; see the findings above';
  const asked = 'ask again when MongoDB answers';
  findings.push(
    ...(await checked('transactions', server, () => checkTransactions(store))),
    ...(await checked('pepper', asked, () => checkPepper(store, fingerprint))),
    ...(await checked('indexes', asked, () => checkMigrations(store))),
  );
  return { findings, clock: facts.clock };
}
