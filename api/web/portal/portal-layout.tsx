import type { ComponentChildren, VNode } from 'preact';
import type { Scope } from '../../../shared/domain/scopes';
import { AppLayout, type NavGroup, type PageProps } from '../design/app-layout';
import { EnvironmentSwitch } from '../design/app-parts';
import type { Member } from './member-page';

interface Link {
  path: string;
  text: string;
  scope: Scope;
  /** Number of things on the page that need attention. */
  count?: (member: Member) => number;
}

/** The pages in the navigation. Members see those that their role may open. */
const GROUPS: readonly { heading?: string; enterprise?: true; links: readonly Link[] }[] = [
  {
    links: [
      { path: '', text: 'Overview', scope: 'usage:read' },
      { path: '/first-event', text: 'Send an event', scope: 'events:write' },
      { path: '/receipts', text: 'Receipts', scope: 'events:read' },
      { path: '/requests', text: 'Requests', scope: 'events:read' },
      { path: '/rejections', text: 'Rejections', scope: 'events:read' },
      { path: '/users', text: 'Users', scope: 'resolve:read' },
      { path: '/webhooks', text: 'Webhooks', scope: 'webhooks:read' },
    ],
  },
  {
    heading: 'Enterprise',
    enterprise: true,
    links: [
      { path: '/agents', text: 'Agents', scope: 'agents:read' },
      {
        path: '/approvals',
        text: 'Approvals',
        scope: 'agents:read',
        count: ({ pendingApprovals }) => pendingApprovals,
      },
      { path: '/policy', text: 'Policy', scope: 'agents:read' },
      { path: '/guardrails', text: 'Guardrails', scope: 'agents:read' },
      { path: '/receivers', text: 'Receivers', scope: 'agents:read' },
    ],
  },
  {
    heading: 'Settings',
    links: [
      { path: '/keys', text: 'API keys', scope: 'keys:read' },
      { path: '/members', text: 'Members', scope: 'members:read' },
      { path: '/usage', text: 'Usage', scope: 'usage:read' },
      { path: '/audit', text: 'Audit log', scope: 'audit:read' },
    ],
  },
];

/** A page of the portal about one environment of a partner. `path` is that of the page's entry in the navigation. */
export function PortalLayout({
  member,
  path,
  action,
  ...page
}: PageProps & {
  member: Member;
  path: string;
  /** The page's main action, beside the title. */
  action?: ComponentChildren;
}): VNode {
  const { base, partnerId, partnerName, plan, env, scopes } = member;
  const groups = GROUPS.filter(({ enterprise }) => !enterprise || plan === 'ENTERPRISE');
  const nav: NavGroup[] = groups
    .map(({ heading, links }) => ({
      ...(heading && { heading }),
      items: links
        .filter(({ scope }) => scopes.includes(scope))
        .map(({ path: to, text, count }) => ({ href: base + to, text, ...(count && { count: count(member) }) })),
    }))
    .filter(({ items }) => items.length > 0);
  return (
    <AppLayout
      {...page}
      place={{ name: partnerName, href: base }}
      nav={nav}
      current={base + path}
      testMode={env === 'test'}
      aside={
        <div class="tools">
          <EnvironmentSwitch env={env} hrefOf={(one) => `/portal/${partnerId}/${one}${path}`} />
          {action}
        </div>
      }
    />
  );
}
