import type { VNode } from 'preact';
import { z } from 'zod';
import { MirError } from '../../../../shared/errors';
import { type DeadLetterDetail, dropDeadLetter } from '../../../admin/dead-letters';
import { getDeadLetterRoute } from '../../../admin/get-dead-letter';
import { replayDeadLetterRoute } from '../../../admin/replay-dead-letter';
import { auditContextForOperator } from '../../../db/audit-context';
import { PublicError } from '../../../http/public-error';
import { reasonSchema } from '../../../http/schemas';
import { Panel, Split } from '../../design/app-parts';
import { ReasonField } from '../../design/confirmation';
import { Field } from '../../design/controls';
import { Actions, Button, ButtonLink, Form, type FormError } from '../../design/form';
import { Marks } from '../../design/text';
import { parseFields } from '../../http/form-errors';
import type { Fields, PageResponse } from '../../http/page';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleCall, type ConsoleOperator, consolePage } from '../console-page';
import { LetterFacts } from './dead-letter-page';
import {
  DEAD_LETTERS_PATH,
  deadLetterPath,
  MissingEvents,
  type PartnerNames,
  partnerNamesOf,
} from './dead-letter-words';
import { filterOf, listPath, MANAGE, MAX_SELECTED, SELECTED_PREFIX, showDeadLetters } from './dead-letters-page';

/** Number of characters at the end of the ID that an operator types to confirm. */
const TYPED_LENGTH = 6;

const dropInput = z.strictObject({ reason: reasonSchema });

const hasCode = (error: unknown, code: string): boolean => error instanceof MirError && error.code === code;

interface Replayed {
  count: number;
  /** Dead letters that no longer exist. */
  gone: number;
  /** Dead letters after the queue stopped responding. */
  left: number;
}

/** Replays dead letters one after another. Stops when the queue or the database does not respond. */
async function replayAll(call: ConsoleCall['call'], ids: readonly string[]): Promise<Replayed> {
  const replayed = { count: 0, gone: 0, left: 0 };
  for (const [n, id] of ids.entries()) {
    try {
      await call(replayDeadLetterRoute, { params: { id } });
      replayed.count += 1;
    } catch (error) {
      if (hasCode(error, 'NOT_FOUND')) replayed.gone += 1;
      else if (n > 0 && (hasCode(error, 'OVERLOADED') || hasCode(error, 'STORE_UNAVAILABLE'))) {
        replayed.left = ids.length - n;
        break;
      } else throw error;
    }
  }
  return replayed;
}

function selectedIn(form: Fields): string[] {
  const ids = Object.entries(form).flatMap(([name, id]) => (name.startsWith(SELECTED_PREFIX) && id ? [id] : []));
  if (ids.length <= MAX_SELECTED) return [...new Set(ids)];
  throw new PublicError('INVALID_REQUEST', `Too many dead letters. Select at most ${MAX_SELECTED}.`);
}

export const replayDeadLetters = consolePage({
  method: 'POST',
  path: '/dead-letters/replay',
  right: MANAGE,
  handle: async (page): Promise<PageResponse> => {
    const { queue } = filterOf(page.form);
    const ids = selectedIn(page.form);
    if (ids.length === 0) {
      const errors = [{ field: `${SELECTED_PREFIX}0`, message: 'Select the dead letters to replay.' }];
      return showDeadLetters(page, { queue, cursor: null }, { errors });
    }
    const { count, gone, left } = await replayAll(page.call, ids);
    const counts = { count: String(count), gone: String(gone), left: String(left) };
    return { redirect: listPath({ queue }, { done: 'replayed', ...counts }) };
  },
});

export const replayDeadLetter = consolePage({
  method: 'POST',
  path: '/dead-letters/:id/replay',
  right: MANAGE,
  handle: async ({ params, call }) => {
    await call(replayDeadLetterRoute, { params: { id: params['id']! } });
    return { redirect: listPath({ queue: null }, { done: 'replayed', count: '1' }) };
  },
});

interface DropProps {
  operator: ConsoleOperator;
  letter: DeadLetterDetail;
  names: PartnerNames;
  form: Fields;
  errors: readonly FormError[];
}

function Lost({ letter, names }: Pick<DropProps, 'letter' | 'names'>): VNode {
  if (letter.events === null) return <>The job is deleted. This can’t be undone.</>;
  return (
    <>
      <MissingEvents letter={letter} names={names} /> will not be stored. This can’t be undone.
    </>
  );
}

function DropPage({ operator, letter, names, form, errors }: DropProps): VNode {
  const { id } = letter;
  const path = deadLetterPath(id);
  return (
    <ConsoleLayout title="Drop a dead letter" errors={errors} current={DEAD_LETTERS_PATH} operator={operator}>
      <p>
        <a href={path}>Back to the dead letter</a>
      </p>
      <Split>
        <div>
          <Panel title="What happens">
            <Marks
              items={[
                <Lost letter={letter} names={names} />,
                'Their receipt keeps saying that they failed. The partner can submit them again.',
                'The audit log records your name and the reason.',
              ]}
            />
            <Marks no items={['No stored event changes.', 'Other dead letters stay.']} />
          </Panel>
          <Panel title="Drop">
            <Form action={`${path}/drop`}>
              <ReasonField form={form} errors={errors} />
              <Field
                name="typed"
                label={
                  <>
                    Type <code>{typedOf(id)}</code> to confirm
                  </>
                }
                hint="The end of the ID of the dead letter."
                autocomplete="off"
                value={form['typed'] ?? ''}
                errors={errors}
              />
              <Actions>
                <Button kind="danger">Drop for good</Button>
                <ButtonLink href={path} plain>
                  Keep it
                </ButtonLink>
              </Actions>
            </Form>
          </Panel>
        </div>
        <div>
          <Panel title="Replay instead">
            <p>
              If the cause is fixed, a replay stores the events. A job that fails again comes back as a dead letter.
            </p>
            <Form action={`${path}/replay`} class="plain-form">
              <Actions>
                <Button kind="plain">Replay</Button>
              </Actions>
            </Form>
          </Panel>
          <Panel title="About the job">
            <LetterFacts letter={letter} names={names} />
          </Panel>
        </div>
      </Split>
    </ConsoleLayout>
  );
}

const typedOf = (id: string): string => id.slice(-TYPED_LENGTH);

async function showDrop(
  { ctx, operator, call, params, form }: ConsoleCall,
  errors: readonly FormError[] = [],
): Promise<PageResponse> {
  const letter = await call<DeadLetterDetail>(getDeadLetterRoute, { params: { id: params['id']! } });
  const names = await partnerNamesOf(ctx, [letter]);
  const shown = { operator, letter, names, form, errors };
  return { status: errors.length > 0 ? 422 : 200, html: <DropPage {...shown} /> };
}

export const dropPage = consolePage({
  method: 'GET',
  path: '/dead-letters/:id/drop',
  right: MANAGE,
  recentLogIn: true,
  handle: (page) => showDrop(page),
});

export const drop = consolePage({
  method: 'POST',
  path: '/dead-letters/:id/drop',
  right: MANAGE,
  recentLogIn: true,
  handle: async (page): Promise<PageResponse> => {
    const { ctx, actor, params, form, requestId } = page;
    const id = params['id']!;
    const reason = (form['reason'] ?? '').trim();
    const input = parseFields(
      dropInput,
      { reason },
      { textOf: ({ message }) => (reason === '' ? 'Enter a reason.' : message) },
    );
    const isConfirmed = (form['typed'] ?? '').trim() === typedOf(id);
    const errors = [
      ...input.errors,
      ...(isConfirmed ? [] : [{ field: 'typed', message: 'Type the end of the ID exactly as shown.' }]),
    ];
    if (errors.length > 0) return showDrop(page, errors);
    await dropDeadLetter(ctx, id, auditContextForOperator({ operator: actor, requestId }), reason);
    return { redirect: listPath({ queue: null }, { done: 'dropped' }) };
  },
});
