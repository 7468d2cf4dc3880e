import type { VNode } from 'preact';
import { DataTable, Empty, ENVIRONMENT_NAMES, Panel, RelativeTime, State } from '../../design/app-parts';
import { Field } from '../../design/controls';
import { Actions, Button, Form, type FormError } from '../../design/form';
import { Marks, Notice } from '../../design/text';
import { errorsOf } from '../../http/form-errors';
import { AgentState } from '../../agents/agent-table';
import { ConsoleLayout } from '../console-layout';
import { type ConsoleOperator, consolePage } from '../console-page';
import { keyName } from '../partners/partner-panels';
import { PartnerState, PLAN_NAMES } from '../partners/partner-parts';
import { isSecret, type Results, search } from './search';
import { SEARCH, agentPath, killPath, partnerPath } from '../paths';

/** Longer than every ID, name, address and key. */
const MAX_TEXT_LENGTH = 254;

const FINDABLE = [
  'Partners: the beginning of the name, or the ID (prt_…)',
  'Agents: the beginning of the name, the ID (agt_…), the name or email address of the owner, or an event (evt_…)',
  'Keys of partners and agents: the whole key, its beginning (mir_…), or the ID of a partner’s key (key_…)',
  'Kills: the ID (csc_…)',
];

function PartnerLink({ partnerId, name }: { partnerId: string; name: string }): VNode {
  return (
    <a href={partnerPath(partnerId)}>
      <bdi>{name}</bdi>
    </a>
  );
}

function FoundAgents({ agents }: Pick<Results, 'agents'>): VNode {
  return (
    <Panel title="Agents" flush>
      <DataTable
        caption="Agents that match"
        columns={[
          { text: 'Agent' },
          { text: 'Status' },
          { text: 'Partner' },
          { text: 'Environment' },
          { text: 'Last active' },
        ]}
        rows={agents.map(({ agentId, name, status, partnerId, partnerName, environment, path, lastActivityAt }) => ({
          key: agentId,
          cells: [
            <div>
              <a href={agentPath(agentId)}>
                <bdi>{name}</bdi>
              </a>
              {path.length > 1 && (
                <>
                  <br />
                  <span class="quiet small">
                    below{' '}
                    {path
                      .slice(0, -1)
                      .map((above) => above.name)
                      .join(' › ')}
                  </span>
                </>
              )}
            </div>,
            <AgentState status={status} />,
            <PartnerLink partnerId={partnerId} name={partnerName} />,
            ENVIRONMENT_NAMES[environment],
            lastActivityAt === null ? 'Never' : <RelativeTime at={new Date(lastActivityAt)} />,
          ],
        }))}
      />
    </Panel>
  );
}

function FoundPartners({ partners }: Pick<Results, 'partners'>): VNode {
  return (
    <Panel title="Partners" flush>
      <DataTable
        caption="Partners that match"
        columns={[{ text: 'Partner' }, { text: 'Status' }, { text: 'Plan' }, { text: 'Partner ID' }]}
        rows={partners.map((partner) => ({
          key: partner.partnerId,
          cells: [
            <PartnerLink {...partner} />,
            <PartnerState {...partner} />,
            PLAN_NAMES[partner.plan],
            <code>{partner.partnerId}</code>,
          ],
        }))}
      />
    </Panel>
  );
}

function KeyState({ expiresAt }: { expiresAt: string | null }): VNode {
  const hasExpired = expiresAt !== null && Date.parse(expiresAt) <= Date.now();
  return hasExpired ? <State kind="ended">Expired</State> : <State kind="active">Active</State>;
}

function FoundKeys({ keys, mayRevoke }: Pick<Results, 'keys'> & { mayRevoke: boolean }): VNode {
  return (
    <Panel title="Keys of partners" flush>
      <DataTable
        caption="Keys that match"
        columns={[
          { text: 'Key' },
          { text: 'State' },
          { text: 'Partner' },
          { text: 'Environment' },
          { text: 'Last used' },
          ...(mayRevoke ? [{ text: 'Action' }] : []),
        ]}
        rows={keys.map((key) => ({
          key: key.keyId,
          cells: [
            <div>
              <bdi>{key.name ?? 'Without a name'}</bdi>
              <br />
              <code class="small">{key.prefix}…</code>
            </div>,
            <KeyState {...key} />,
            <PartnerLink {...key.partner} />,
            ENVIRONMENT_NAMES[key.environment],
            key.lastUsedAt === null ? 'Never' : <RelativeTime at={new Date(key.lastUsedAt)} />,
            ...(mayRevoke
              ? [
                  <a
                    href={`${partnerPath(key.partner.partnerId)}/keys/${encodeURIComponent(key.keyId)}`}
                    aria-label={`Revoke ${keyName(key)}`}
                  >
                    Revoke…
                  </a>,
                ]
              : []),
          ],
        }))}
      />
    </Panel>
  );
}

interface SearchProps {
  operator: ConsoleOperator;
  /** What was searched for. Never a key. */
  text?: string;
  results?: Results;
  errors?: readonly FormError[];
}

function Found({ operator, results }: { operator: ConsoleOperator; results: Results }): VNode {
  const { agents, partners, keys, hasMore } = results;
  if (agents.length + partners.length + keys.length === 0) {
    return (
      <Panel flush>
        <Empty title="Nothing found">
          <p>Upper and lower case differ. Keys that were revoked are no longer stored, except those of agents.</p>
        </Empty>
      </Panel>
    );
  }
  return (
    <>
      {hasMore && (
        <Notice kind="warn" title="More match than are shown">
          <p>Enter more of the name, or an ID.</p>
        </Notice>
      )}
      {keys.length > 0 && <FoundKeys keys={keys} mayRevoke={operator.rights.includes('keys:revoke')} />}
      {agents.length > 0 && <FoundAgents agents={agents} />}
      {partners.length > 0 && <FoundPartners partners={partners} />}
    </>
  );
}

function SearchPage({ operator, text = '', results, errors = [] }: SearchProps): VNode {
  return (
    <ConsoleLayout
      title="Search"
      errors={errors}
      current={SEARCH}
      operator={operator}
      lead="Partners, agents, keys and kills, in both environments."
    >
      <Panel>
        <Form action={SEARCH}>
          <Field
            name="text"
            label="Name, ID, email address or key"
            hint="A pasted key is compared by its hash only. It is not stored, and not shown again."
            maxLength={MAX_TEXT_LENGTH}
            autocomplete="off"
            value={text}
            errors={errors}
          />
          <Actions>
            <Button>Find</Button>
          </Actions>
        </Form>
      </Panel>
      {results ? (
        <Found operator={operator} results={results} />
      ) : (
        <Panel title="What you can find">
          <Marks items={FINDABLE} />
        </Panel>
      )}
    </ConsoleLayout>
  );
}

export const searchPage = consolePage({
  method: 'GET',
  path: '/search',
  right: 'partners:read',
  handle: ({ operator }) => ({ html: <SearchPage operator={operator} /> }),
});

/** Searches in a form, because keys do not belong in URLs. */
export const findAnything = consolePage({
  method: 'POST',
  path: '/search',
  right: 'partners:read',
  handle: async (page) => {
    const { operator, form } = page;
    const text = (form['text'] ?? '').trim();
    const shown = { operator, text: isSecret(text) ? '' : text };
    if (text === '' || text.length > MAX_TEXT_LENGTH) {
      const errors = [{ field: 'text', message: 'Enter a name, an ID, an email address or a key.' }];
      return { status: 422, html: <SearchPage {...shown} errors={errors} /> };
    }
    try {
      const results = await search(page, text);
      if (results.killId !== null) return { redirect: killPath(results.killId) };
      return { html: <SearchPage {...shown} results={results} /> };
    } catch (error) {
      const [first] = errorsOf(error, {});
      const errors = [{ field: 'text', message: first!.message }];
      return { status: 422, html: <SearchPage {...shown} errors={errors} /> };
    }
  },
});
