import type { mongo } from 'mongoose';
import type { Metrics } from '../metrics/metrics';

/** Updates the connection pool's gauges from driver events. Call this before the client connects. */
export function watchPool(
  client: mongo.MongoClient,
  metrics: Pick<Metrics, 'mongoPoolSize' | 'mongoPoolCheckedOut' | 'mongoPoolWaiting' | 'mongoCheckoutFailures'>,
): void {
  const { mongoPoolSize: size, mongoPoolCheckedOut: checkedOut, mongoPoolWaiting: waiting } = metrics;
  client.on('connectionCreated', () => size.inc());
  client.on('connectionClosed', () => size.dec());
  client.on('connectionCheckOutStarted', () => waiting.inc());
  client.on('connectionCheckedOut', () => {
    waiting.dec();
    checkedOut.inc();
  });
  client.on('connectionCheckOutFailed', () => {
    waiting.dec();
    metrics.mongoCheckoutFailures.inc();
  });
  client.on('connectionCheckedIn', () => checkedOut.dec());
}
