import { choosePassword } from './choose-password';

/** The mailed link of a forgotten password. */
export const [resetPage, reset] = choosePassword({
  path: '/reset',
  title: 'Choose a new password',
  effect: (email) => (
    <p>
      This sets a new password for <strong>{email}</strong> and logs you out on every device. Then you log in with the
      new password.
    </p>
  ),
  label: 'New password',
  unasked: 'If you did not ask for a new password, close this page. Your password stays as it is.',
  done: 'password',
  gone: {
    reasons: 'It was used already, it is too old, or part of it is missing. Your password has not changed.',
    retry: '/forgot',
    button: 'Get a new link',
  },
});
