import { askForMail } from './ask-for-mail';
import { CheckMail } from './check-mail';

/** A repeated sign-up: what is mailed, and how often, is the same. */
export const [resendPage, resend] = askForMail({
  path: '/verify/resend',
  tried: 'sign-up',
  title: 'Get a new link',
  intro: 'We send you a new link to choose your password and finish your sign-up.',
  button: 'Send link',
  ask: (auth, email) => auth.signUp(email),
  sent: (email, next) => <CheckMail email={email} next={next} again />,
});
