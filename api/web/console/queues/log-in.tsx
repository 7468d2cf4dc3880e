import type { VNode } from 'preact';
import { MirError } from '../../../../shared/errors';
import { PublicError } from '../../../http/public-error';
import { PROBLEMS } from '../../../http/problems';
import { checkAdminToken } from '../../../http/admin-token';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, ErrorSummary, Form, type FormError, titleWith } from '../../design/form';
import { Layout } from '../../design/layout';
import { Heading } from '../../design/text';
import { type Page, page } from '../../http/page';
import { endOperatorSession, isOperator, OPERATOR_SESSION_SECONDS, openOperatorSession } from './session';

const AFTER_LOG_IN = '/admin/queues';

function LogInPage({ errors = [] }: { errors?: readonly FormError[] }): VNode {
  return (
    <Layout title={titleWith(errors, 'Operator login')}>
      <Heading>Operator login</Heading>
      <p>
        This page is for the operator of this MIR server. You stay logged in for {OPERATOR_SESSION_SECONDS / 60}{' '}
        minutes.
      </p>
      <ErrorSummary errors={errors} />
      <Form action="/admin/login">
        <Field
          name="token"
          label="Admin token"
          type="password"
          hint="The value of ADMIN_TOKEN on this server."
          autocomplete="current-password"
          maxLength={1_000}
          errors={errors}
        />
        <Actions>
          <Button>Log in</Button>
        </Actions>
      </Form>
    </Layout>
  );
}

const showLogIn = page({
  method: 'GET',
  path: '/admin/login',
  always: true,
  handle: async ({ ctx, cookie }) => {
    if (ctx.config.adminToken === null)
      throw new PublicError('NOT_FOUND', 'The console is off. Set ADMIN_TOKEN to turn it on.');
    if (await isOperator(ctx, cookie, Date.now())) return { redirect: AFTER_LOG_IN };
    return { html: <LogInPage /> };
  },
});

const logIn = page({
  method: 'POST',
  path: '/admin/login',
  always: true,
  handle: async ({ ctx, form, ip, log, requestId }) => {
    try {
      await checkAdminToken(ctx, form['token'], ip);
    } catch (error) {
      if (!(error instanceof MirError) || error.code !== 'ADMIN_TOKEN_INVALID') throw error;
      return {
        status: PROBLEMS[error.code].status,
        html: (
          <LogInPage
            errors={[
              {
                field: 'token',
                message: 'This token doesn’t match ADMIN_TOKEN on this server. Check the token and try again.',
              },
            ]}
          />
        ),
      };
    }
    log.info({ requestId }, 'operator logged in');
    return { redirect: AFTER_LOG_IN, cookies: [openOperatorSession(ctx, Date.now())] };
  },
});

const showLogOut = page({
  method: 'GET',
  path: '/admin/logout',
  always: true,
  handle: () => ({
    html: (
      <Layout title="Operator logout">
        <Heading>Log out as operator</Heading>
        <Form action="/admin/logout" class="plain-form">
          <Actions>
            <Button>Log out</Button>
            <ButtonLink href={AFTER_LOG_IN} plain>
              Go back to the queues
            </ButtonLink>
          </Actions>
        </Form>
      </Layout>
    ),
  }),
});

const logOut = page({
  method: 'POST',
  path: '/admin/logout',
  always: true,
  handle: async ({ ctx, cookie }) => ({
    redirect: '/admin/login',
    cookies: [await endOperatorSession(ctx, cookie, Date.now())],
  }),
});

export const OPERATOR_PAGES: readonly Page[] = [showLogIn, logIn, showLogOut, logOut];
