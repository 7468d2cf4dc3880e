import type { ComponentChildren, VNode } from 'preact';
import type { Scope } from '../../../shared/domain/scopes';
import { AppLayout, type NavGroup } from '../design/app-layout';
import { EnvironmentSwitch } from '../design/app-parts';
import type { Member } from './member-page';

interface Link {
  path: string;
  text: string;
  scope: Scope;
}

/** The pages in the navigation. Members see those that their role may open. */
const GROUPS: readonly { heading?: string; links: readonly Link[] }[] = [
  {
    links: [
      { path: '', text: 'Overview', scope: 'usage:read' },
      { path: '/first-event', text: 'Send an event', scope: 'events:write' },
      { path: '/rejections', text: 'Rejections', scope: 'events:read' },
      { path: '/users', text: 'Users', scope: 'resolve:read' },
    ],
  },
  {
    heading: 'Settings',
    links: [
      { path: '/keys', text: 'API keys', scope: 'keys:read' },
      { path: '/members', text: 'Members', scope: 'members:read' },
      { path: '/usage', text: 'Usage', scope: 'usage:read' },
    ],
  },
];

/** A page of the portal about one environment of a partner. `path` is that of the page's entry in the navigation. */
export function PortalLayout({
  member,
  title,
  path,
  lead,
  children,
}: {
  member: Member;
  title: string;
  path: string;
  lead?: ComponentChildren;
  children: ComponentChildren;
}): VNode {
  const { base, partnerId, partnerName, env, scopes } = member;
  const nav: NavGroup[] = GROUPS.map(({ heading, links }) => ({
    ...(heading && { heading }),
    items: links
      .filter(({ scope }) => scopes.includes(scope))
      .map((link) => ({ href: base + link.path, text: link.text })),
  })).filter(({ items }) => items.length > 0);
  return (
    <AppLayout
      title={title}
      place={{ name: partnerName, href: base }}
      nav={nav}
      current={base + path}
      lead={lead}
      testMode={env === 'test'}
      aside={<EnvironmentSwitch env={env} hrefOf={(one) => `/portal/${partnerId}/${one}${path}`} />}
    >
      {children}
    </AppLayout>
  );
}
