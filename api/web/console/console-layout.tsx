import type { ComponentChildren, VNode } from 'preact';
import { AppLayout, type PageProps } from '../design/app-layout';
import { usePageFacts } from '../design/page-facts';
import type { ConsoleOperator } from './console-page';

interface ConsoleLayoutProps extends PageProps {
  /** Path of the page in the navigation that this page belongs to. */
  current: string;
  operator: ConsoleOperator;
  aside?: ComponentChildren;
}

/** A page of the console. */
export function ConsoleLayout({ operator: { pendingApplications }, ...page }: ConsoleLayoutProps): VNode {
  const { name } = usePageFacts().operator;
  const nav = [
    {
      items: [
        { href: '/console', text: 'Overview' },
        { href: '/console/applications', text: 'Applications', count: pendingApplications },
        { href: '/console/partners', text: 'Partners' },
        { href: '/console/search', text: 'Search' },
        { href: '/console/kills', text: 'Kills' },
      ],
    },
    {
      heading: 'Operations',
      items: [
        { href: '/console/health', text: 'Health' },
        { href: '/console/queues', text: 'Queues' },
        { href: '/console/dead-letters', text: 'Dead letters' },
      ],
    },
    {
      heading: 'Records',
      items: [
        { href: '/console/audit', text: 'Audit log' },
        { href: '/console/erasures', text: 'Erasures' },
        { href: '/console/webhooks', text: 'Webhooks' },
      ],
    },
    {
      heading: 'Help',
      items: [
        { href: '/runbook', text: 'Runbook' },
        { href: '/guide', text: 'Partner Guide' },
      ],
    },
  ];
  return <AppLayout {...page} nav={nav} place={{ name: name ?? 'MIR console', href: '/console' }} />;
}
