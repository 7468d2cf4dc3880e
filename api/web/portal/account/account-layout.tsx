import type { ComponentChildren, VNode } from 'preact';
import { AppLayout, type NavGroup, type PageProps } from '../../design/app-layout';
import type { Account } from './account-page';

const ACCOUNT: NavGroup = {
  heading: 'Your account',
  items: [
    { href: '/portal/account', text: 'Profile' },
    { href: '/portal/account/security', text: 'Security' },
    { href: '/portal/account/sessions', text: 'Sessions' },
  ],
};

interface AccountLayoutProps extends PageProps {
  account: Account;
  /** Path of the page in the navigation that this page belongs to. */
  current: string;
  /** The page's main action, beside the title. */
  action?: ComponentChildren;
}

/** A page about the account of a member or operator. */
export function AccountLayout({ account: { name, isOperator }, action, ...page }: AccountLayoutProps): VNode {
  const nav: NavGroup[] = [
    {
      items: [
        { href: '/portal', text: 'Organizations' },
        ...(isOperator ? [{ href: '/console', text: 'Console' }] : []),
      ],
    },
    ACCOUNT,
    { heading: 'Help', items: [{ href: '/guide', text: 'Partner Guide' }] },
  ];
  return (
    <AppLayout
      {...page}
      place={{ name, href: '/portal' }}
      nav={nav}
      aside={action && <div class="tools">{action}</div>}
    />
  );
}
