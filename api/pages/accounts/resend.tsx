import { askForMail } from './ask-for-mail';
import { CheckMail } from './check-mail';

export const [resendPage, resend] = askForMail({
  path: '/verify/resend',
  tried: 'resend',
  title: 'Send the mail again',
  intro: 'We send a new link to an address that signed up and waits to be confirmed.',
  button: 'Send the mail',
  ask: (auth, email) => auth.askVerification(email),
  sent: (email, next) => <CheckMail email={email} next={next} again />,
});
