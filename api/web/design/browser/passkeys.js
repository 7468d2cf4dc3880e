/*
 * Lets forms ask the browser for a passkey. See `passkey-form.tsx` for their markup. Without this script, or in a
 * browser without passkeys, pages show what is marked with `data-without-passkeys` instead.
 */
'use strict';
(() => {
  const { browserSupportsWebAuthn, startAuthentication, startRegistration } = globalThis.SimpleWebAuthnBrowser;
  if (!browserSupportsWebAuthn()) return;

  for (const part of document.querySelectorAll('[data-with-passkeys]')) part.hidden = false;
  for (const part of document.querySelectorAll('[data-without-passkeys]')) part.hidden = true;

  /** Shows one of the form's messages, or none. */
  const show = (form, name) => {
    for (const part of form.querySelectorAll('[data-message]')) part.hidden = part.dataset.message !== name;
  };

  const ask = async (form) => {
    const start = form.dataset.passkey === 'create' ? startRegistration : startAuthentication;
    show(form, 'waiting');
    try {
      const response = await start({ optionsJSON: JSON.parse(form.dataset.passkeyOptions) });
      form.elements.namedItem('response').value = JSON.stringify(response);
      form.submit();
    } catch (error) {
      // A second attempt cancels the first one, whose message must not replace that of the second.
      if (error.code === 'ERROR_CEREMONY_ABORTED') return;
      show(form, error.name === 'InvalidStateError' ? 'exists' : 'canceled');
    }
  };

  for (const form of document.querySelectorAll('form[data-passkey]')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (form.reportValidity()) void ask(form);
    });
    if (form.dataset.passkeyStart !== undefined) void ask(form);
  }
})();
