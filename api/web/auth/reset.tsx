import { choosePassword } from './choose-password';

/** The page that an emailed link opens when someone has forgotten their password. */
export const [resetPage, reset] = choosePassword({
  path: '/reset',
  title: 'Choose a new password',
  effect: (email) => (
    <p>
      This sets a new password for <strong>{email}</strong> and logs you out on every device. Then you can log in with
      the new password.
    </p>
  ),
  label: 'New password',
  notRequested: 'If you didn’t request a new password, close this page. Your password stays the same.',
  done: 'password',
  invalid: {
    reasons: 'The link has expired, was already used, or is incomplete. Your password hasn’t changed.',
    retry: '/forgot',
    button: 'Get a new link',
  },
});
