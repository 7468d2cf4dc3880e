import type { VNode } from 'preact';
import type { Problem } from '../../http/problem';
import { Actions, ButtonLink } from '../design/form';
import { Layout } from '../design/layout';
import { usePageFacts } from '../design/page-facts';
import { Heading } from '../design/text';

const WORDS: Record<number, string> = {
  403: 'This was not accepted',
  404: 'There is no such page',
  405: 'This page cannot be used like that',
  413: 'That was too much at once',
  422: 'Something in it is not right',
  429: 'Too many tries',
  500: 'Something went wrong on our side',
  503: 'This does not work at the moment',
};

function waitOf(seconds: number): string {
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes === 1 ? 'a minute' : `${minutes} minutes`;
}

/** Where to go from here. */
function WayOn(): VNode {
  const { signedInAs } = usePageFacts();
  return (
    <Actions>
      <ButtonLink href={signedInAs === null ? '/' : '/account'} plain>
        {signedInAs === null ? 'To the start page' : 'To my account'}
      </ButtonLink>
    </Actions>
  );
}

/** An error as a page: what happened, what to do, and the id to quote. */
export function errorPage(problem: Problem, requestId: string): VNode {
  const title = WORDS[problem.status] ?? problem.title;
  const { detail, retryAfterSeconds } = problem;
  return (
    <Layout title={title}>
      <Heading>{title}</Heading>
      <p>{detail}</p>
      {retryAfterSeconds !== undefined && <p>Try again in {waitOf(retryAfterSeconds)}.</p>}
      <WayOn />
      <p class="quiet small">
        If you ask somebody about this, quote <span class="num">{requestId}</span>.
      </p>
    </Layout>
  );
}
