import type { VNode } from 'preact';
import type { PresentedAgent } from '../../../agents/present-agent';
import { RelativeTime } from '../../design/app-parts';
import { AgentState } from '../../agents/agent-table';

type Agent = Pick<
  PresentedAgent,
  'agentId' | 'name' | 'status' | 'owner' | 'lastActivityAt' | 'effectiveExpiresAt' | 'hasChildren'
>;

/** A page of siblings. */
export interface AgentPage {
  data: readonly Agent[];
  nextCursor: string | null;
}

/** Where the rest of a list is. */
interface Rest {
  /** The page on which browsers without scripts find it. */
  href: string;
  /** The page that returns the rows, which the script puts in place. */
  rows: string;
}

interface RowsProps {
  /** Path of the agents' pages. */
  base: string;
  agents: AgentPage;
  /** Where the agents after these are. */
  rest: Rest;
  /** Moves the focus to the first row, because the link that loaded the rows is gone. */
  takesFocus?: boolean;
}

const COLUMNS = ['Agent', 'Status', 'Owner', 'Last active', 'Expires'] as const;

const withQuery = (path: string, name: string, value: string): string =>
  `${path}${path.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`;

/** Returns the address of an agent's page. */
export function agentHref(base: string, agentId: string): string {
  return `${base}/view?agent=${agentId}`;
}

/** Returns the address of the rows below an agent. */
export function rowsHref(base: string, parentId: string): string {
  return `${base}/rows?parent=${parentId}`;
}

function Cells({ base, agent, takesFocus }: { base: string; agent: Agent; takesFocus: boolean }): VNode {
  const { agentId, name, status, owner, lastActivityAt, effectiveExpiresAt } = agent;
  const facts = [
    ['Owner', owner === null ? 'None' : <bdi>{owner.name}</bdi>],
    ['Last active', lastActivityAt === null ? 'Never' : <RelativeTime at={new Date(lastActivityAt)} />],
    ['Expires', effectiveExpiresAt === null ? 'Never' : <RelativeTime at={new Date(effectiveExpiresAt)} />],
  ] as const;
  return (
    <>
      <span class="name">
        <a href={agentHref(base, agentId)} {...(takesFocus && { autofocus: true })}>
          <bdi>{name}</bdi>
        </a>
      </span>
      <span>
        <AgentState status={status} />
      </span>
      {facts.map(([label, value]) => (
        <span key={label} class="fact">
          <span class="label">{label}</span> {value}
        </span>
      ))}
    </>
  );
}

/**
 * An agent. The script loads those below it when it is opened. Without scripts, there is a link to them. The control is
 * beside the link to the agent's page, because controls within controls confuse assistive technology.
 */
function AgentRow({ base, agent, takesFocus }: { base: string; agent: Agent; takesFocus: boolean }): VNode {
  const { agentId, name, hasChildren } = agent;
  return (
    <li>
      <div class="row">
        <Cells base={base} agent={agent} takesFocus={takesFocus} />
      </div>
      {hasChildren && (
        <details hx-get={rowsHref(base, agentId)} hx-trigger="toggle once" hx-target="find ul" hx-swap="innerHTML">
          <summary>
            <span class="visually-hidden">
              Agents below <bdi>{name}</bdi>
            </span>
          </summary>
          <ul aria-label={`Agents below ${name}`}>
            <li class="more">
              <a href={agentHref(base, agentId)}>
                Show the agents below <bdi>{name}</bdi>
              </a>
            </li>
          </ul>
        </details>
      )}
    </li>
  );
}

/** Siblings of a tree, and a link to the ones after them. */
export function AgentRows({ base, agents, rest, takesFocus = false }: RowsProps): VNode {
  const { data, nextCursor } = agents;
  return (
    <>
      {data.map((agent, index) => (
        <AgentRow key={agent.agentId} base={base} agent={agent} takesFocus={takesFocus && index === 0} />
      ))}
      {nextCursor !== null && (
        <li class="more">
          <a
            href={withQuery(rest.href, 'cursor', nextCursor)}
            hx-get={withQuery(rest.rows, 'cursor', nextCursor)}
            hx-target="closest li"
            hx-swap="outerHTML"
          >
            Show more
          </a>
        </li>
      )}
    </>
  );
}

/** A tree of agents, of which each level is loaded a page at a time. */
export function AgentTree({ label, ...rows }: Omit<RowsProps, 'takesFocus'> & { label: string }): VNode {
  return (
    <div class="tree">
      <p class="row head" aria-hidden="true">
        {COLUMNS.map((text) => (
          <span key={text}>{text}</span>
        ))}
      </p>
      <ul aria-label={label}>
        <AgentRows {...rows} />
      </ul>
    </div>
  );
}
