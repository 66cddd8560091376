import { Refused } from '../demo/admin.js';
import { make, write } from '../demo/dom.js';
import { toast } from '../demo/toast.js';

/**
 * Asks before an action, in a dialog that keeps the focus and is left by Escape. `fields`: name, label, and what an `input`
 * takes; `format` says in words what its `pattern` takes. `run(values)` makes the change and resolves with what happened; a
 * refusal is shown in the dialog.
 */
export function ask({ title, text = '', fields = [], confirm, isDangerous = false, run }) {
  const inputs = fields.map(field);
  const problem = make('p', { class: 'problem', role: 'alert' });
  const cancel = make('button', { type: 'button', class: 'plain' }, 'Cancel');
  const submit = make('button', { type: 'submit', class: isDangerous ? 'primary danger' : 'primary' }, confirm);
  const form = make('form', { noValidate: true }, make('h2', { id: 'question-title' }, title),
    ...(text ? [make('p', { id: 'question-text' }, text)] : []), ...inputs.map(({ element }) => element), problem,
    make('div', { class: 'buttons' }, cancel, submit));
  const dialog = make('dialog', { class: 'panel question', 'aria-labelledby': 'question-title' }, form);
  if (text) dialog.setAttribute('aria-describedby', 'question-text');
  const opener = document.activeElement;

  const answer = async (event) => {
    event.preventDefault();
    if (submit.getAttribute('aria-disabled') === 'true') return;
    const wrong = inputs.find(({ input }) => !input.checkValidity());
    for (const { input } of inputs) input.setAttribute('aria-invalid', String(input === wrong?.input));
    if (wrong) {
      write(problem, wrong.complaint());
      return wrong.input.focus();
    }
    write(problem, '');
    submit.setAttribute('aria-disabled', 'true');
    try {
      const values = Object.fromEntries(inputs.map(({ name, read }) => [name, read()]));
      const said = await run(values);
      dialog.close();
      toast(said);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      write(problem, error.message);
    } finally {
      submit.setAttribute('aria-disabled', 'false');
    }
  };
  form.addEventListener('submit', answer);
  cancel.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    dialog.remove();
    opener?.focus();
    // What was asked about may be gone, and its button with it.
    if (document.activeElement !== opener) document.getElementById('main').focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  (inputs[0]?.input ?? (isDangerous ? cancel : submit)).focus();
}

/** A labelled input. Its value is read as text, as a number, or for a checkbox as true or false. */
function field({ name, label, note = '', format = '', type = 'text', ...attributes }) {
  const id = `question-${name}`;
  const input = make('input', { id, name, type, autocomplete: 'off', autocapitalize: 'none', spellcheck: false, ...attributes });
  const caption = make('label', { for: id }, label);
  const hint = note ? [make('small', { id: `${id}-note` }, note)] : [];
  if (note) input.setAttribute('aria-describedby', `${id}-note`);
  const parts = type === 'checkbox' ? [input, caption] : [caption, input];
  const read = () => {
    if (type === 'checkbox') return input.checked;
    return type === 'number' ? numberOf(input.value) : input.value;
  };
  const complaint = () => `${label}: ${input.validity.patternMismatch ? format : input.validationMessage}`;
  const element = make('div', { class: type === 'checkbox' ? 'check' : 'field-line' }, ...parts, ...hint);
  return { name, input, read, complaint, element };
}

const numberOf = (text) => (text === '' ? undefined : Number(text));
