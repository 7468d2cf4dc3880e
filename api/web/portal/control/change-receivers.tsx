import type { VNode } from 'preact';
import { MAX_URL_LENGTH } from '../../../http/lengths';
import { RECEIVER_FORMATS, type ReceiverFormat } from '../../../../shared/domain/receiver';
import { createReceiverRoute } from '../../../receivers/create-receiver';
import { deleteReceiverRoute } from '../../../receivers/delete-receiver';
import { PublicError } from '../../../http/public-error';
import { Panel, RelativeTime } from '../../design/app-parts';
import { Field, Select } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts, Secret } from '../../design/text';
import { errorsOf, urlMessages } from '../../http/form-errors';
import type { Fields } from '../../http/page';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';
import { FORMAT_WORDS, LastError, type Receiver, receiversOf, ReceiverState, Verification } from './receivers';

const PATH = '/receivers';

const FORMAT_CHOICES: Record<ReceiverFormat, string> = {
  SET: 'Security Event Token, signed with MIR’s public key (RFC 8417)',
  STANDARD_WEBHOOK: 'Standard Webhooks message, signed with a secret',
};

function NewReceiver({
  member,
  form = {},
  errors = [],
}: {
  member: Member;
  form?: Fields;
  errors?: readonly FormError[];
}): VNode {
  return (
    <PortalLayout member={member} title="Add a receiver" errors={errors} path={PATH}>
      <Panel>
        <Form action={`${member.base}${PATH}/new`}>
          <Field
            name="url"
            label="Address"
            type="url"
            hint="An https address of the system that lets your agents in."
            maxLength={MAX_URL_LENGTH}
            value={form['url'] ?? ''}
            errors={errors}
          />
          <Select
            name="format"
            label="Format of the pushes"
            hint="Identity systems and gateways usually understand Security Event Tokens."
            value={form['format']}
            options={RECEIVER_FORMATS.map((value) => ({ value, text: FORMAT_CHOICES[value] }))}
            errors={errors}
          />
          <Actions>
            <Button>Add the receiver</Button>
            <ButtonLink href={member.base + PATH} plain>
              Cancel
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

export const newReceiverPage = memberPage({
  method: 'GET',
  path: `${PATH}/new`,
  scope: 'agents:manage-all',
  recentLogIn: true,
  handle: ({ member }) => ({ html: <NewReceiver member={member} /> }),
});

function Created({
  member,
  created: { secret, url, format },
  publicUrl,
}: {
  member: Member;
  created: Receiver & { secret?: string };
  publicUrl: string;
}): VNode {
  return (
    <PortalLayout
      member={member}
      title={secret === undefined ? 'The receiver is added' : 'Copy the secret now'}
      path={PATH}
    >
      <Panel>
        {secret === undefined ? (
          <p>It gets every kill, suspension, reactivation and key rotation from now on. There is no secret to keep.</p>
        ) : (
          <>
            <p>The receiver verifies with this secret that pushes come from MIR. It is shown only once.</p>
            <Secret id="secret">{secret}</Secret>
          </>
        )}
        <Facts
          facts={[
            ['Address', url],
            ['Format', FORMAT_WORDS[format]],
          ]}
        />
        <Actions>
          <ButtonLink href={member.base + PATH}>All receivers</ButtonLink>
        </Actions>
      </Panel>
      <Verification publicUrl={publicUrl} />
    </PortalLayout>
  );
}

export const createReceiver = memberPage({
  method: 'POST',
  path: `${PATH}/new`,
  scope: 'agents:manage-all',
  recentLogIn: true,
  handle: async ({ ctx, member, call, form }) => {
    const body = { url: (form['url'] ?? '').trim(), format: form['format'] };
    try {
      const created = await call<Receiver & { secret?: string }>(createReceiverRoute, { body });
      return { html: <Created member={member} created={created} publicUrl={ctx.config.publicUrl} /> };
    } catch (error) {
      return {
        status: 422,
        html: <NewReceiver member={member} form={form} errors={errorsOf(error, urlMessages(body.url))} />,
      };
    }
  },
});

function DeleteReceiver({
  member,
  receiver,
  typed = '',
  errors = [],
}: {
  member: Member;
  receiver: Receiver;
  typed?: string | undefined;
  errors?: readonly FormError[];
}): VNode {
  const { host } = new URL(receiver.url);
  return (
    <PortalLayout member={member} title="Delete this receiver" errors={errors} path={PATH}>
      <Panel title="What is affected">
        <p>
          The system there does not learn of kills anymore: agents that you stop may keep the access that it gave them.
          Pushes that it has not acknowledged yet are dropped. Other receivers and MIR itself are not affected.
        </p>
        <Facts
          facts={[
            ['Address', receiver.url],
            ['State', <ReceiverState receiver={receiver} />],
            ['Last error', <LastError receiver={receiver} />],
            ['Added', <RelativeTime at={new Date(receiver.createdAt)} />],
          ]}
        />
        {receiver.state === 'FAILING' && (
          <p class="caution">
            MIR never disables a receiver. If it fails for now, keep it: MIR repeats each push for about a day.
          </p>
        )}
      </Panel>
      <Panel>
        <Form action={`${member.base}${PATH}/delete`} hidden={{ receiver: receiver.receiverId }}>
          <Field name="host" label={`Type ${host} to confirm`} autocomplete="off" value={typed} errors={errors} />
          <Actions>
            <Button kind="danger">Delete the receiver</Button>
            <ButtonLink href={member.base + PATH} plain>
              Keep it
            </ButtonLink>
          </Actions>
        </Form>
      </Panel>
    </PortalLayout>
  );
}

async function receiverOf(page: MemberCall, id: string | undefined): Promise<Receiver> {
  const receiver = (await receiversOf(page)).find(({ receiverId }) => receiverId === id);
  if (!receiver) throw new PublicError('NOT_FOUND', 'Receiver not found. Check the address and the environment.');
  return receiver;
}

export const deleteReceiverPage = memberPage({
  method: 'GET',
  path: `${PATH}/delete`,
  scope: 'agents:manage-all',
  recentLogIn: true,
  handle: async (page) => ({
    html: <DeleteReceiver member={page.member} receiver={await receiverOf(page, page.query['receiver'])} />,
  }),
});

export const deleteReceiver = memberPage({
  method: 'POST',
  path: `${PATH}/delete`,
  scope: 'agents:manage-all',
  recentLogIn: true,
  handle: async (page) => {
    const { member, call, form } = page;
    const receiver = await receiverOf(page, form['receiver']);
    const { host } = new URL(receiver.url);
    const typed = (form['host'] ?? '').trim();
    if (typed !== host) {
      const errors = [{ field: 'host', message: `Type the host exactly: ${host}` }];
      return {
        status: 422,
        html: <DeleteReceiver member={member} receiver={receiver} typed={typed} errors={errors} />,
      };
    }
    await call(deleteReceiverRoute, { params: { id: receiver.receiverId } });
    return { redirect: `${member.base}${PATH}?done=deleted` };
  },
});
