import type { Config } from '../../../shared/config/config';
import { type ServerFacts, serverFacts, tryTransactions } from '../../../shared/store/server-facts';
import { pendingSteps, stepText } from '../../../shared/store/indexes';
import { readShardKeys } from '../../../shared/store/sharding-facts';
import type { Store } from '../../../shared/store/store';
import { compareShardKeys } from './check-sharding';
import { type CheckRunner, type Finding, fail, ok, warn } from './finding';

const MIN_MAJOR = 7;
/**
 * A transaction left open by a killed process locks its rows until this limit is reached. The server's default is 60
 * seconds.
 */
const LONG_LIFETIME_SECONDS = 30;
const MAX_LISTED = 5;

const MIGRATE = 'run `mir migrate apply`';

function checkServer(
  { version, isMongos, replicaSet, isWritable, transactionLifetimeSeconds }: ServerFacts,
  production: boolean,
): Finding[] {
  const findings: Finding[] = [];
  const major = Number(version.split('.')[0]);
  findings.push(
    major >= MIN_MAJOR
      ? ok('mongo', `reachable, version ${version}`)
      : fail('mongo', `version ${version}`, `run MongoDB ${MIN_MAJOR} or later`),
  );
  if (isMongos) findings.push(ok('sharding', 'layout: sharded cluster, through a mongos'));
  else if (replicaSet === null) {
    const remedy = 'start mongod with --replSet rs0 and run rs.initiate() once; one member is enough';
    findings.push(fail('replica set', 'the server is not a member of a replica set', remedy));
  } else if (!isWritable) {
    const remedy = 'list all members in MONGO_URL with ?replicaSet=…, or wait for the election';
    findings.push(fail('replica set', `the server is a member of ${replicaSet}, but not its primary`, remedy));
  } else findings.push(ok('replica set', `layout: replica set, primary of ${replicaSet}`));
  if (production && (transactionLifetimeSeconds ?? 0) > LONG_LIFETIME_SECONDS) {
    const found = `transactionLifetimeLimitSeconds is ${transactionLifetimeSeconds}, so the transaction of a killed process locks its rows for that long`;
    findings.push(warn('transactions', found, 'start mongod with --setParameter transactionLifetimeLimitSeconds=10'));
  }
  return findings;
}

async function checkTransactions({ connection }: Store): Promise<Finding[]> {
  await tryTransactions(connection);
  return [ok('transactions', 'commit and abort work')];
}

async function checkSharding({ connection }: Store): Promise<Finding[]> {
  return compareShardKeys(connection.db!.databaseName, await readShardKeys(connection));
}

async function checkPepper(store: Store, fingerprint: string): Promise<Finding[]> {
  const pepper = await store.pepper(fingerprint);
  if (pepper === 'same') return [ok('pepper', 'matches this database')];
  if (pepper === 'new') return [ok('pepper', 'will be recorded at the first start, because the database is new')];
  const found = 'SUBJECT_PEPPER does not match this database, so MIR would not recognize its users';
  return [fail('pepper', found, 'restore the original SUBJECT_PEPPER, or set MONGO_URL to the right database')];
}

/**
 * Returns true if the URL names a database. Uses a regex, because a URL with several replica set members is not a valid
 * WHATWG URL.
 */
function hasDatabaseName(mongoUrl: string): boolean {
  return /^[^/]*\/\/[^/]*\/[^?]/.test(mongoUrl);
}

function listed(texts: string[]): string {
  const more = texts.length - MAX_LISTED;
  return texts.slice(0, MAX_LISTED).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

async function checkMigrations(store: Store): Promise<Finding[]> {
  const { data, indexes } = await store.migrations.plan();
  const pending = pendingSteps(indexes);
  const extra = indexes.filter(({ kind }) => kind === 'EXTRA');
  const findings: Finding[] = [];
  if (pending.length > 0) findings.push(fail('indexes', `pending: ${listed(pending.map(stepText))}`, MIGRATE));
  else findings.push(ok('indexes', 'match the schemas of this version'));
  if (extra.length > 0) {
    findings.push(warn('indexes', listed(extra.map(stepText)), 'drop them in mongosh if nothing needs them'));
  }
  if (data.length > 0) findings.push(fail('data', `not migrated: ${listed(data.map(({ id }) => id))}`, MIGRATE));
  return findings;
}

/**
 * Checks MongoDB's server, layout, transactions, shard keys, pepper, indexes and data. Also returns the server's clock
 * for `compareClocks`.
 */
export async function checkMongo(
  store: Store,
  { mongoUrl, production }: Pick<Config, 'mongoUrl' | 'production'>,
  fingerprint: string,
  { checked }: CheckRunner,
): Promise<{ findings: Finding[]; clock: ServerFacts['clock'] | null }> {
  const read: { facts?: ServerFacts } = {};
  const failed = await checked('mongo', 'check the server at MONGO_URL', async () => {
    read.facts = await serverFacts(store.connection);
    return [];
  });
  const { facts } = read;
  if (failed.length > 0 || !facts) return { findings: failed, clock: null };
  const findings = checkServer(facts, production);
  if (!hasDatabaseName(mongoUrl)) {
    findings.push(
      warn('mongo', 'MONGO_URL does not name a database, so MIR uses `test`', 'add the name: mongodb://host:27017/mir'),
    );
  }
  const server = 'MongoDB must be a replica set of version 7 or later; see the findings above';
  const retry = 'check again when MongoDB is reachable';
  const further = await Promise.all([
    checked('transactions', server, () => checkTransactions(store)),
    ...(facts.isMongos ? [checked('sharding', retry, () => checkSharding(store))] : []),
    checked('pepper', retry, () => checkPepper(store, fingerprint)),
    checked('indexes', retry, () => checkMigrations(store)),
  ]);
  return { findings: [...findings, ...further.flat()], clock: facts.clock };
}
