import { choosePassword } from './choose-password';

/** The mailed link of a sign-up. Who signed the address up does not matter: only the reader of the mail sets a password. */
export const [verifyPage, verify] = choosePassword({
  path: '/verify',
  title: 'Choose your password',
  effect: (email) => (
    <p>
      This confirms <strong>{email}</strong> and opens your MIR account. Then you log in with this password.
    </p>
  ),
  label: 'Password',
  unasked: 'If you did not sign up, or this is not your address, close this page. No account is opened.',
  done: 'confirmed',
  gone: {
    reasons: 'It was used already, it is too old, or part of it is missing. We can send you a new one.',
    retry: '/verify/resend',
    button: 'Get a new link',
  },
});
