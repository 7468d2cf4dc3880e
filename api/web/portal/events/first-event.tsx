import { randomUUID } from 'node:crypto';
import type { VNode } from 'preact';
import type { z } from 'zod';
import { MAX_USER_ID_LENGTH } from '../../../../shared/domain/event';
import { newCountedRequest } from '../../../../shared/domain/usage';
import { MirError } from '../../../../shared/errors';
import { getEventRoute } from '../../../events/get-event';
import type { eventSchema } from '../../../events/present-event';
import { validateEvent } from '../../../events/validate-event';
import { tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { readSignals } from '../../../resolve/read-signals';
import { Panel, RelativeTime, State } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Facts } from '../../design/text';
import type { Fields } from '../../http/page';
import { errorsOf } from '../../http/form-errors';
import { type Member, type MemberCall, memberPage } from '../member-page';
import { PortalLayout } from '../portal-layout';
import { SignalFacts, type Signals } from '../signal-facts';

const PATH = '/first-event';
const DEFAULT_USER = 'user-1';
/** How often the page reloads while the event is not stored yet. */
const RELOAD_SECONDS = 2;

type StoredEvent = z.infer<typeof eventSchema>;

const MESSAGES = {
  userExternalId: `Enter your own ID of a user, at most ${MAX_USER_ID_LENGTH} characters.`,
  eventType: 'Choose an event type from the list.',
};

function SendEvent({
  member,
  types,
  form = {},
  errors = [],
}: {
  member: Member;
  types: readonly { eventType: string; meaning: string }[];
  form?: Fields;
  errors?: FormError[];
}): VNode {
  const typeError = errors.find(({ field }) => field === 'eventType')?.message;
  return (
    <PortalLayout
      member={member}
      title="Send an event"
      errors={errors}
      path={PATH}
      lead="Sends one event as your code would, and shows when it counts."
    >
      <Panel>
        <Form action={member.base + PATH} hidden={{ idempotencyKey: form['idempotencyKey'] ?? randomUUID() }}>
          <Field
            name="userExternalId"
            label="User"
            hint="Your own ID of the user. MIR stores only a keyed hash of it."
            maxLength={MAX_USER_ID_LENGTH}
            value={form['userExternalId'] ?? DEFAULT_USER}
            errors={errors}
          />
          <div class="field">
            <label for="eventType">What happened</label>
            {typeError && (
              <p class="error" id="eventType-error">
                {typeError}
              </p>
            )}
            <select id="eventType" name="eventType" {...(typeError && { 'aria-describedby': 'eventType-error' })}>
              {types.map(({ eventType, meaning }) => (
                <option key={eventType} value={eventType} selected={eventType === form['eventType']}>
                  {`${eventType}: ${meaning}`}
                </option>
              ))}
            </select>
          </div>
          <Actions>
            <Button>Send the event</Button>
          </Actions>
        </Form>
      </Panel>
      <Panel title="The same from your code">
        <p>
          The <a href="/guide#quickstart">guide</a> shows the request, with an API key, in several languages.
        </p>
      </Panel>
    </PortalLayout>
  );
}

export const sendEventPage = memberPage({
  method: 'GET',
  path: PATH,
  scope: 'events:write',
  handle: ({ ctx, member }) => ({ html: <SendEvent member={member} types={ctx.catalog.entries} /> }),
});

async function submit({ ctx, member, form, submitSingle, requestId }: MemberCall): Promise<string> {
  const { partnerId, env, key } = member;
  const { userExternalId = '', eventType = '', idempotencyKey = '' } = form;
  const input = { userExternalId, eventType, idempotencyKey };
  const event = validateEvent(ctx, tenantOf(partnerId, env), input, Date.now());
  if (Array.isArray(event)) throw new MirError('VALIDATION_FAILED', 'the form is invalid', { errors: event });
  const counted = newCountedRequest('events');
  const sentBytes = Buffer.byteLength(JSON.stringify(input));
  const { receipt } = await submitSingle({ key, event, requestId, counted, sentBytes });
  return receipt.eventId;
}

export const sendEvent = memberPage({
  method: 'POST',
  path: PATH,
  scope: 'events:write',
  handle: async (call) => {
    const { ctx, member, form } = call;
    try {
      const eventId = await submit(call);
      return { redirect: `${member.base}${PATH}/sent?event=${eventId}` };
    } catch (error) {
      const errors = errorsOf(error, MESSAGES);
      return {
        status: 422,
        html: <SendEvent member={member} types={ctx.catalog.entries} form={form} errors={errors} />,
      };
    }
  },
});

function Next({ member: { base } }: { member: Member }): VNode {
  return (
    <Actions>
      <ButtonLink href={base}>Go to the overview</ButtonLink>
      <ButtonLink href={base + PATH} plain>
        Send another event
      </ButtonLink>
    </Actions>
  );
}

function Waiting({ member }: { member: Member }): VNode {
  return (
    <PortalLayout member={member} title="The event is accepted" path={PATH}>
      <Panel>
        <p>
          <State kind="pending">Waiting in the queue</State>
        </p>
        <p>A worker stores it, usually within a second. This page reloads until it is stored.</p>
        <Next member={member} />
      </Panel>
    </PortalLayout>
  );
}

function Sent({ member, event, signals }: { member: Member; event: StoredEvent; signals: Signals }): VNode {
  return (
    <PortalLayout member={member} title="The event is stored" path={PATH}>
      <Panel title="The event">
        <Facts
          facts={[
            ['State', <State kind="active">Stored</State>],
            ['Type', <code>{event.eventType}</code>],
            ['Received', <RelativeTime at={new Date(event.receivedAt)} />],
            ['Event ID', <code>{event.eventId}</code>],
          ]}
        />
      </Panel>
      <Panel title="What /resolve now says about this user">
        <SignalFacts signals={signals} />
        <Next member={member} />
      </Panel>
    </PortalLayout>
  );
}

export const eventSentPage = memberPage({
  method: 'GET',
  path: `${PATH}/sent`,
  scope: 'events:write',
  handle: async ({ ctx, member, call, query }) => {
    const event = await call<StoredEvent>(getEventRoute, { params: { eventId: query['event'] ?? '' } }).catch(
      (error: unknown) => {
        if (error instanceof MirError && error.code === 'NOT_FOUND') return null;
        throw error;
      },
    );
    if (event === null) return { headers: { Refresh: String(RELOAD_SECONDS) }, html: <Waiting member={member} /> };
    // By the reference in the event, because IDs of users must not be in URLs.
    const { found } = await readSignals(ctx, tenantOf(member.partnerId, member.env), [event.userRef as UserRef]);
    const signals = ctx.presentSignals(found[0]!.history, found[0]!.scope, Date.now());
    return { html: <Sent member={member} event={event} signals={signals} /> };
  },
});
