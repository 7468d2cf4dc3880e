import type { VNode } from 'preact';
import type { Problem } from '../../http/problem';
import { countOf } from '../design/count-text';
import { Panel } from '../design/app-parts';
import { Beside } from '../design/beside';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Heading } from '../design/text';

const TITLES: Record<number, string> = {
  403: 'We can’t accept this request',
  404: 'Page not found',
  405: 'This page doesn’t support that request',
  413: 'That’s too much data',
  422: 'Please check what you entered',
  429: 'Too many attempts',
  500: 'Something went wrong on our side',
  503: 'This isn’t available right now',
};

const UNAVAILABLE = 503;

function durationText(seconds: number): string {
  if (seconds < 60) return countOf(seconds, 'second');
  const minutes = Math.ceil(seconds / 60);
  return countOf(minutes, 'minute');
}

function HomeButton(): VNode {
  const { signedInAs, home } = usePageFacts();
  return (
    <Actions>
      <ButtonLink href={signedInAs === null ? '/' : home} plain>
        {signedInAs === null ? 'Go to the home page' : 'Go to your account'}
      </ButtonLink>
    </Actions>
  );
}

/** What operators can do while a database is down. */
function OutageHelp(): VNode {
  return (
    <p>
      If this lasts, open <a href="/runbook">the runbook</a>, which needs no database, and run <code>mir doctor</code>{' '}
      on the server.
    </p>
  );
}

/**
 * Renders a page that says what went wrong and what to do, and shows the request ID. `forOperators` adds what operators
 * can do during an outage.
 */
export function errorPage(problem: Problem, requestId: string, forOperators = false): VNode {
  const title = TITLES[problem.status] ?? problem.title;
  const { detail, retryAfterSeconds } = problem;
  return (
    <Layout title={title} beside>
      <Heading>{title}</Heading>
      <Beside
        summary={
          <Panel>
            <p class="quiet">
              If you report this problem, include this ID:
              <br />
              <span class="num">{requestId}</span>
            </p>
          </Panel>
        }
      >
        <Panel>
          <p>{detail}</p>
          {retryAfterSeconds !== undefined && <p>Try again in {durationText(retryAfterSeconds)}.</p>}
          {forOperators && problem.status === UNAVAILABLE && <OutageHelp />}
          <HomeButton />
        </Panel>
      </Beside>
    </Layout>
  );
}
