import type { VNode } from 'preact';
import { OPERATOR_ROLE_NAMES } from '../../../../shared/domain/roles';
import type { DeadLetterDetail } from '../../../admin/dead-letters';
import { getDeadLetterRoute } from '../../../admin/get-dead-letter';
import { countText } from '../../design/count-text';
import { DataTable, Panel, RelativeTime, Split } from '../../design/app-parts';
import { Actions, Button, ButtonLink, Form } from '../../design/form';
import { Facts, Num } from '../../design/text';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import {
  DEAD_LETTER_QUEUE_NAMES,
  DEAD_LETTERS_PATH,
  deadLetterPath,
  failureOf,
  MissingEvents,
  Owner,
  type PartnerNames,
  partnerNamesOf,
} from './dead-letter-words';
import { MANAGE } from './dead-letters-page';

const JSON_INDENT = 2;

interface LetterProps {
  operator: ConsoleOperator;
  letter: DeadLetterDetail;
  names: PartnerNames;
}

/** The facts of a dead letter. Never the content of its payload. */
export function LetterFacts({ letter, names }: Pick<LetterProps, 'letter' | 'names'>): VNode {
  const { id, queue, events, receivedAt, failedAt, expiresAt, attempts } = letter;
  return (
    <Facts
      facts={[
        ['Events', events === null ? 'Not known' : countText(events)],
        ['Partner', <Owner letter={letter} names={names} />],
        ['Queue', DEAD_LETTER_QUEUE_NAMES[queue]],
        receivedAt === null ? null : ['Accepted', <RelativeTime at={new Date(receivedAt)} />],
        ['Failed', <RelativeTime at={new Date(failedAt)} />],
        ['Attempts', String(attempts)],
        ['Expires', <RelativeTime at={new Date(expiresAt)} />],
        ['ID', <Num>{id}</Num>],
      ]}
    />
  );
}

function Failure({ letter }: Pick<LetterProps, 'letter'>): VNode {
  const { code, short, meaning, remedy } = failureOf(letter);
  return (
    <Panel title={short}>
      <p>{meaning}</p>
      <Facts
        facts={[
          ['What to do', remedy],
          ['Code', <code>{code}</code>],
          // The text of internal errors repeats what to do.
          code === 'JOB_FAILED' ? null : ['Recorded', letter.failedReason],
        ]}
      />
    </Panel>
  );
}

function Payload({ letter: { shape, problems } }: Pick<LetterProps, 'letter'>): VNode {
  return (
    <>
      {problems.length > 0 && (
        <Panel title="Fields that this version can’t read" flush>
          <DataTable
            caption="Fields that this version can’t read"
            columns={[{ text: 'Field' }, { text: 'Problem' }]}
            rows={problems.map(({ path, message }, n) => ({
              key: String(n),
              cells: [<code>{path === '' ? '(the whole job)' : path}</code>, message],
            }))}
          />
        </Panel>
      )}
      <Panel title="Shape of the job">
        <p class="quiet small">Fields with their types and lengths. MIR never shows their content here.</p>
        <pre tabIndex={0} role="region" aria-label="Shape of the job">
          <code>{JSON.stringify(shape, null, JSON_INDENT)}</code>
        </pre>
      </Panel>
    </>
  );
}

function Decision({ operator, letter: { id } }: LetterProps): VNode {
  if (!operator.rights.includes(MANAGE)) {
    return (
      <Panel title="Decision">
        <p>
          Your role, {OPERATOR_ROLE_NAMES[operator.role]}, can’t replay or drop dead letters. Ask an operator with the
          role {OPERATOR_ROLE_NAMES.ON_CALL} or {OPERATOR_ROLE_NAMES.ADMIN}.
        </p>
      </Panel>
    );
  }
  return (
    <Panel title="Decision">
      <p>
        A replay queues the job again. Events that an earlier attempt stored are not stored twice. Dropping is
        permanent.
      </p>
      <Actions>
        <Form action={`${deadLetterPath(id)}/replay`} class="plain-form">
          <Button>Replay</Button>
        </Form>
        <ButtonLink href={`${deadLetterPath(id)}/drop`} plain>
          Drop…
        </ButtonLink>
      </Actions>
    </Panel>
  );
}

function DeadLetterPage(props: LetterProps): VNode {
  return (
    <ConsoleLayout
      title="Dead letter"
      current={DEAD_LETTERS_PATH}
      operator={props.operator}
      lead={<MissingEvents {...props} />}
    >
      <p>
        <a href={DEAD_LETTERS_PATH}>All dead letters</a>
      </p>
      <Split>
        <div>
          <Failure {...props} />
          <Payload {...props} />
        </div>
        <div>
          <Decision {...props} />
          <Panel title="About the job">
            <LetterFacts {...props} />
          </Panel>
        </div>
      </Split>
    </ConsoleLayout>
  );
}

/** A dead letter with the shape of its payload. */
export const deadLetterPage = consolePage({
  method: 'GET',
  path: '/dead-letters/:id',
  right: 'queues:read',
  handle: async ({ ctx, operator, params, call }) => {
    const letter = await call<DeadLetterDetail>(getDeadLetterRoute, { params: { id: params['id']! } });
    const names = await partnerNamesOf(ctx, [letter]);
    return { html: <DeadLetterPage operator={operator} letter={letter} names={names} /> };
  },
});
