import type { ComponentChildren, VNode } from 'preact';
import { AppLayout, type NavGroup } from '../../design/app-layout';
import type { FormError } from '../../design/form';
import { Notice } from '../../design/text';
import type { Account } from './account-page';

const ACCOUNT: NavGroup = {
  heading: 'Your account',
  items: [
    { href: '/portal/account', text: 'Profile' },
    { href: '/portal/account/security', text: 'Security' },
    { href: '/portal/account/sessions', text: 'Sessions' },
  ],
};

interface AccountLayoutProps {
  account: Account;
  title: string;
  /** Path of the page in the navigation that this page belongs to. */
  current: string;
  lead?: ComponentChildren;
  /** The page's main action, beside the title. */
  action?: ComponentChildren;
  /** Errors of the page's form. */
  errors?: readonly FormError[];
  /** What was just done. */
  done?: string | undefined;
  children: ComponentChildren;
}

/** A page about the account of a member or operator. */
export function AccountLayout({
  account: { name, isOperator },
  title,
  current,
  lead,
  action,
  errors = [],
  done,
  children,
}: AccountLayoutProps): VNode {
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
      title={title}
      place={{ name, href: '/portal' }}
      nav={nav}
      current={current}
      lead={lead}
      errors={errors}
      aside={action && <div class="tools">{action}</div>}
    >
      {done && (
        <Notice>
          <p>{done}</p>
        </Notice>
      )}
      {children}
    </AppLayout>
  );
}
