import { choosePassword } from './choose-password';

/**
 * The page behind the link in a sign-up email. Only the recipient of the email can set a password, even if someone else
 * signed up with the address.
 */
export const [verifyPage, verify] = choosePassword({
  path: '/verify',
  title: 'Choose your password',
  effect: (email) => (
    <p>
      This confirms <strong>{email}</strong> and creates your MIR account. Then you can log in with this password.
    </p>
  ),
  label: 'Password',
  notRequested: 'If you didn’t sign up, or this isn’t your email address, close this page. No account is created.',
  done: 'confirmed',
  invalid: {
    reasons: 'The link has expired, was already used, or is incomplete. We can send you a new link.',
    retry: '/verify/resend',
    button: 'Get a new link',
  },
});
