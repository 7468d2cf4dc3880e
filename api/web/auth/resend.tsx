import { CheckEmail } from './check-email';
import { requestEmailPages } from './request-email';

/** Resends a sign-up email. Counts toward the sign-up limits. */
export const [resendPage, resend] = requestEmailPages({
  path: '/verify/resend',
  action: 'sign-up',
  title: 'Get a new link',
  intro: 'Enter your email address, and we’ll send you a new link to choose your password and finish signing up.',
  button: 'Send link',
  createEmail: (auth, email) => auth.signUp(email),
  confirmation: (email, next) => <CheckEmail email={email} next={next} again />,
});
