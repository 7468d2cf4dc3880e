import { afterAll } from '@jest/globals';
import { openTcpProxy, type TcpProxy } from './open-tcp-proxy';

/** Returns a function that starts a proxy. The proxies stop after the last test. */
export function tcpProxies(): (url: string) => Promise<TcpProxy> {
  const opened: TcpProxy[] = [];
  afterAll(() => opened.forEach((proxy) => proxy.close()));
  return async (url) => {
    const proxy = await openTcpProxy(url);
    opened.push(proxy);
    return proxy;
  };
}
