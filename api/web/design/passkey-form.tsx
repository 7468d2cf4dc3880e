import type { ComponentChildren, VNode } from 'preact';
import { Form } from './form';
import { passkeyScript } from './scripts';

/** What a browser needs to create or use a passkey. */
interface Ceremony {
  challengeId: string;
  options: object;
}

interface PasskeyFormProps {
  action: string;
  kind: 'create' | 'use';
  ceremony: Ceremony;
  /** Asks for the passkey as soon as the page is open. */
  starts?: boolean;
  children: ComponentChildren;
}

/** Loads the script that shows what needs passkeys. */
export function PasskeyScript(): VNode {
  return <script src={passkeyScript.path} defer />;
}

/**
 * A form that our script submits with the browser's response in the field `response`. Hidden if the browser has no
 * scripts or no passkeys.
 */
export function PasskeyForm({ action, kind, ceremony, starts = false, children }: PasskeyFormProps): VNode {
  return (
    <>
      <div data-with-passkeys hidden>
        <Form
          action={action}
          hidden={{ challengeId: ceremony.challengeId, response: '' }}
          data={{
            'data-passkey': kind,
            'data-passkey-options': JSON.stringify(ceremony.options),
            'data-passkey-start': starts ? '' : undefined,
          }}
        >
          <div role="status">
            <p data-message="waiting" hidden>
              Follow the instructions of your browser.
            </p>
            <p data-message="exists" class="caution" hidden>
              This device already has a passkey for your account.
            </p>
            <p data-message="canceled" class="caution" hidden>
              {kind === 'create'
                ? 'No passkey was created: the request was canceled or took too long. Try again.'
                : 'No passkey was used: the request was canceled or took too long. Try again, or log in with your password.'}
            </p>
          </div>
          {children}
        </Form>
      </div>
      <PasskeyScript />
    </>
  );
}
