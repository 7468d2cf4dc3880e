import { type Command, Option } from 'commander';
import { emailSchema } from '../../api/http/schemas';
import { validate } from '../../api/http/validate';
import { changeMember } from '../../api/members/change-members';
import { inviteMember, UNNAMED_OPERATOR } from '../../api/members/invite-member';
import { pageOfMembers } from '../../api/members/list-members';
import { presentInvitation } from '../../api/members/member-schemas';
import { readPartner } from '../../api/partners/get-partner';
import { MEMBER_ROLES, type MemberRole, OPERATOR_ROLES, type OperatorRole } from '../../shared/domain/roles';
import { OPERATORS, type OrganizationId } from '../../shared/store/members';
import { operate, paged } from './command';
import { rejectUsage } from './confirm';
import type { CliContext } from './open';
import { pageTable } from './print';
import { readValue } from './read-value';
import type { Shell } from './shell';

interface WhoseOptions {
  partner?: string;
  operators?: true;
}

type Role = MemberRole | OperatorRole;

const ROLES: readonly Role[] = [...new Set<Role>([...MEMBER_ROLES, ...OPERATOR_ROLES])];

/** Adds the options that name a partner, or the operators of this server. */
function withWhose(command: Command): Command {
  return command
    .option('--partner <partnerId>', 'members of this partner')
    .option('--operators', 'the people who operate this MIR server');
}

const whoseProblem = ({ partner, operators }: WhoseOptions): string | null =>
  (partner === undefined) === (operators === undefined) ? 'name either --partner <partnerId> or --operators' : null;

function roleProblem(role: Role | undefined, { operators }: WhoseOptions): string | null {
  const known: readonly Role[] = operators ? OPERATOR_ROLES : MEMBER_ROLES;
  return role !== undefined && known.includes(role) ? null : `add --role with one of ${known.join(', ')}`;
}

const roleOption = (): Option => new Option('--role <role>', 'role; always required').choices(ROLES);

/** Returns the organization that the options name. Throws 404 if the partner does not exist. */
async function organizationOf(ctx: CliContext, { partner, operators }: WhoseOptions): Promise<OrganizationId> {
  return operators ? OPERATORS : (await readPartner(ctx, partner!))._id;
}

/** Adds the `members` commands. */
export function addMemberCommands(members: Command, shell: Shell): void {
  paged(withWhose(members.command('list').description('list members, newest first'))).action(
    async (options: WhoseOptions & { limit: number; cursor?: string }, command: Command) => {
      rejectUsage(command, [whoseProblem(options)]);
      await operate(
        shell,
        command,
        async (ctx) => pageOfMembers(ctx, await organizationOf(ctx, options), options),
        (page) =>
          pageTable(page, ['member', 'name', 'email', 'role', 'second factor', 'since'], (one) => [
            one.memberId,
            one.name,
            one.email,
            one.role,
            one.hasSecondFactor,
            one.createdAt,
          ]),
      );
    },
  );

  withWhose(members.command('invite').description('invite someone by email'))
    .addOption(roleOption())
    .addHelpText(
      'after',
      '\nAsks for the email address, or reads it from standard input. It is never part of the command line,' +
        '\nbecause command lines appear in process lists and shell histories.',
    )
    .action(async (options: WhoseOptions & { role?: Role }, command: Command) => {
      rejectUsage(command, [whoseProblem(options), roleProblem(options.role, options)]);
      const email = validate(emailSchema, await readValue(shell, command, 'the email address'), 'email');
      const invitedBy = (name: string | undefined): string => name ?? UNNAMED_OPERATOR;
      await operate(
        shell,
        command,
        async (ctx, auditContext) => {
          const organization = await organizationOf(ctx, options);
          const { as: name } = command.optsWithGlobals<{ as?: string }>();
          const invitation = { organization, email, role: options.role!, invitedBy: invitedBy(name) };
          return presentInvitation(await inviteMember(ctx, invitation, auditContext));
        },
        ({ invitationId, expiresAt }) => `Sent invitation ${invitationId}, which can be accepted until ${expiresAt}.`,
      );
    });

  withWhose(members.command('role <memberId>').description("change a member's role"))
    .addOption(roleOption())
    .action(async (memberId: string, options: WhoseOptions & { role?: Role }, command: Command) => {
      rejectUsage(command, [whoseProblem(options), roleProblem(options.role, options)]);
      await operate(
        shell,
        command,
        async (ctx, auditContext) => {
          const organization = await organizationOf(ctx, options);
          const { role } = await changeMember(ctx, organization, memberId, options.role!, { auditContext });
          return { memberId, role };
        },
        ({ role }) => `${memberId} has the role ${role} now.`,
      );
    });

  withWhose(members.command('remove <memberId>').description('remove a member, whose access ends at once')).action(
    async (memberId: string, options: WhoseOptions, command: Command) => {
      rejectUsage(command, [whoseProblem(options)]);
      await operate(
        shell,
        command,
        async (ctx, auditContext) => {
          await changeMember(ctx, await organizationOf(ctx, options), memberId, null, { auditContext });
          return { memberId, removed: true };
        },
        () => `Removed ${memberId}.`,
      );
    },
  );
}
