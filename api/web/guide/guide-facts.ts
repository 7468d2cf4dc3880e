import { CONTROL_REQUESTS_PER_MINUTE } from '../../../shared/authz/budget';
import { MAX_UNKNOWN_KEYS_PER_ADDRESS } from '../../../shared/authz/key-lookups';
import {
  AI_MAX_EVENTS_PER_BATCH,
  AI_MAX_USERS_PER_RESOLVE,
  DAY_SECONDS,
  DEFAULT_POLICY,
  MAX_APPROVAL_SECONDS,
  MAX_SPAWNS_PER_MINUTE,
  MIN_APPROVAL_SECONDS,
  PRESET_SCOPES,
} from '../../../shared/domain/agent';
import { MIN_IDLE_TIMEOUT_SECONDS } from '../../../shared/domain/agent-lifetime';
import type { Catalog, EventGroup } from '../../../shared/domain/catalog';
import {
  DEFAULT_WEIGHT,
  MAX_EVENT_BYTES,
  MAX_EVENTS_PER_CALL,
  MAX_FUTURE_MS,
  MAX_WEIGHT,
} from '../../../shared/domain/event';
import { CODE_SECONDS } from '../../../shared/domain/link';
import { APPLICATION_LINK_DAYS } from '../../../shared/domain/mailed-link';
import { METADATA_MAX_BYTES, METADATA_MAX_DEPTH } from '../../../shared/domain/metadata';
import { MEMBER_ROLE_MEANINGS, MEMBER_ROLES } from '../../../shared/domain/roles';
import { KEY_SCOPE_MEANINGS, KEY_SCOPES } from '../../../shared/domain/scopes';
import { MAX_RECEIVERS_PER_TENANT } from '../../../shared/domain/receiver';
import { RECEIPT_RETENTION_DAYS } from '../../../shared/domain/receipt';
import { REJECTED_EVENTS_RETENTION_DAYS } from '../../../shared/domain/rejected-event';
import { DEFAULT_USAGE_DAYS, MAX_USAGE_DAYS, USAGE_RETENTION_DAYS } from '../../../shared/domain/usage';
import { DELIVERY_RETENTION_DAYS, MAX_OPEN_DELIVERIES, MAX_WEBHOOKS_PER_TENANT } from '../../../shared/domain/webhook';
import { DEFAULT_QUEUE_SHARE_PERCENT } from '../../../shared/queue/overload-guard';
import { MAX_ROWS_AT_ONCE, MAX_ROWS_PER_MINUTE } from '../../../shared/rejections/record-rejections';
import { MAX_KEYS_PER_ENVIRONMENT } from '../../keys/change-keys';
import { STAFF_SESSION_SECONDS } from '../../accounts/staff-library';
import { RECENT_LOG_IN_MS } from '../../http/require-caller';
import { MAX_PAGE_SIZE } from '../../http/paging';
import { MAX_EVENTS_BODY_BYTES } from '../../http/body-limits';
import { BYTES_PER_UNIT, IDS_PER_UNIT, ROWS_PER_UNIT } from '../../http/price';
import { MAX_APPLICATION_MAILS_PER_HOUR, MAX_APPLICATIONS_PER_HOUR } from '../../partners/submit-application';
import { WEBHOOK_MESSAGES } from '../../openapi/webhook-messages';
import { MAX_USERS_PER_RESOLVE } from '../../resolve/resolve';
import { UNKNOWN_INVITES } from '../links/link-by-invite';
import { FIELD_CODES, RECEIPT_CODES } from './field-codes';
import { PROBLEMS } from '../../http/problems';

const GROUPS: Record<EventGroup, string> = {
  commerce: 'Commerce',
  community: 'Community',
  platform: 'Platform',
  custom: 'Custom',
};

const number = (value: number): string => value.toLocaleString('en-US');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Returns a table of all problem codes. The renderer gives each code an anchor. */
function problemTable(): string {
  return table(
    ['code', 'status', 'meaning', 'what to do'],
    Object.entries(PROBLEMS).map(([code, { status, title, remedy }]) => [`\`${code}\``, String(status), title, remedy]),
  );
}

function codeTable(codes: Record<string, string>): string {
  return table(
    ['code', 'what to do'],
    Object.entries(codes).map(([code, remedy]) => [`\`${code}\``, remedy]),
  );
}

function eventTypeTables({ entries }: Catalog): string {
  const groups = [...new Set(entries.map(({ group }) => group))];
  return groups
    .map((group) => {
      const rows = entries
        .filter((entry) => entry.group === group)
        .map(({ eventType, meaning }) => [`\`${eventType}\``, meaning]);
      return `### ${GROUPS[group]}\n\n${table(['type', 'meaning'], rows)}`;
    })
    .join('\n\n');
}

function presetRows(): string {
  return Object.entries(PRESET_SCOPES)
    .map(([preset, scopes]) => `| \`${preset}\` | ${scopes.map((scope) => `\`${scope}\``).join(', ')} |`)
    .join('\n');
}

function keyScopeRows(): string {
  return KEY_SCOPES.map((scope) => `| \`${scope}\` | ${KEY_SCOPE_MEANINGS[scope]} |`).join('\n');
}

function memberRoleRows(): string {
  return MEMBER_ROLES.map((role) => `| \`${role}\` | ${MEMBER_ROLE_MEANINGS[role]} |`).join('\n');
}

function webhookTypeRows(): string {
  return Object.entries(WEBHOOK_MESSAGES)
    .map(([type, { summary }]) => `| \`${type}\` | ${summary}. |`)
    .join('\n');
}

/**
 * Returns the values for the `{{placeholders}}` in the chapters: limits from the code that enforces them, and generated
 * tables.
 */
export function guideFacts(catalog: Catalog, publicUrl: string): Record<string, string> {
  return {
    PUBLIC_URL: publicUrl,
    MAX_EVENTS_PER_CALL: number(MAX_EVENTS_PER_CALL),
    MAX_EVENTS_BODY_MIB: number(MAX_EVENTS_BODY_BYTES / 1024 / 1024),
    MAX_FUTURE_MINUTES: number(MAX_FUTURE_MS / 60_000),
    MAX_WEIGHT: number(MAX_WEIGHT),
    DEFAULT_WEIGHT: number(DEFAULT_WEIGHT),
    METADATA_MAX_KIB: number(METADATA_MAX_BYTES / 1024),
    METADATA_MAX_DEPTH: number(METADATA_MAX_DEPTH),
    MAX_PAGE_SIZE: number(MAX_PAGE_SIZE),
    MAX_USERS_PER_RESOLVE: number(MAX_USERS_PER_RESOLVE),
    RECEIPT_RETENTION_DAYS: number(RECEIPT_RETENTION_DAYS),
    REJECTED_EVENTS_RETENTION_DAYS: number(REJECTED_EVENTS_RETENTION_DAYS),
    MAX_REJECTIONS_AT_ONCE: number(MAX_ROWS_AT_ONCE),
    MAX_REJECTIONS_PER_MINUTE: number(MAX_ROWS_PER_MINUTE),
    USAGE_RETENTION_DAYS: number(USAGE_RETENTION_DAYS),
    DEFAULT_USAGE_HOURS: number(DEFAULT_USAGE_DAYS.hour * 24),
    DEFAULT_USAGE_DAYS: number(DEFAULT_USAGE_DAYS.day),
    MAX_USAGE_DAYS_OF_HOURS: number(MAX_USAGE_DAYS.hour),
    MAX_EVENT_KIB: number(MAX_EVENT_BYTES / 1024),
    KIB_PER_UNIT: number(BYTES_PER_UNIT / 1024),
    IDS_PER_UNIT: number(IDS_PER_UNIT),
    ROWS_PER_UNIT: number(ROWS_PER_UNIT),
    MAX_UNKNOWN_KEYS: number(MAX_UNKNOWN_KEYS_PER_ADDRESS),
    MAX_UNKNOWN_INVITES: number(UNKNOWN_INVITES.points),
    MAX_APPLICATIONS: number(MAX_APPLICATIONS_PER_HOUR),
    MAX_APPLICATION_MAILS: number(MAX_APPLICATION_MAILS_PER_HOUR),
    APPLICATION_LINK_DAYS: number(APPLICATION_LINK_DAYS),
    CONTROL_REQUESTS_PER_MINUTE: number(CONTROL_REQUESTS_PER_MINUTE),
    DEFAULT_QUEUE_SHARE_PERCENT: number(DEFAULT_QUEUE_SHARE_PERCENT),
    CODE_MINUTES: number(CODE_SECONDS / 60),
    AI_MAX_EVENTS_PER_BATCH: number(AI_MAX_EVENTS_PER_BATCH),
    AI_MAX_USERS_PER_RESOLVE: number(AI_MAX_USERS_PER_RESOLVE),
    MIN_IDLE_TIMEOUT_SECONDS: number(MIN_IDLE_TIMEOUT_SECONDS),
    MAX_SPAWNS_PER_MINUTE: number(MAX_SPAWNS_PER_MINUTE),
    MIN_APPROVAL_SECONDS: number(MIN_APPROVAL_SECONDS),
    MAX_APPROVAL_DAYS: number(MAX_APPROVAL_SECONDS / DAY_SECONDS),
    DEFAULT_APPROVAL_DAYS: number(DEFAULT_POLICY.approval.expiresInSeconds / DAY_SECONDS),
    MAX_KEYS_PER_ENVIRONMENT: number(MAX_KEYS_PER_ENVIRONMENT),
    MAX_WEBHOOKS: number(MAX_WEBHOOKS_PER_TENANT),
    MAX_RECEIVERS: number(MAX_RECEIVERS_PER_TENANT),
    MAX_OPEN_DELIVERIES: number(MAX_OPEN_DELIVERIES),
    DELIVERY_RETENTION_DAYS: number(DELIVERY_RETENTION_DAYS),
    problems: problemTable(),
    fieldCodes: codeTable(FIELD_CODES),
    receiptCodes: codeTable(RECEIPT_CODES),
    eventTypes: eventTypeTables(catalog),
    presets: presetRows(),
    key_scopes: keyScopeRows(),
    member_roles: memberRoleRows(),
    SESSION_HOURS: number(STAFF_SESSION_SECONDS / 3_600),
    RECENT_MINUTES: number(RECENT_LOG_IN_MS / 60_000),
    webhook_types: webhookTypeRows(),
  };
}
