// Small things that both views need: elements by id, field errors, the alert, a form that cannot be sent twice.

export const element = (id) => document.getElementById(id);

export function alertWith(text) {
  const alert = element("alert");
  alert.textContent = text ?? "";
  alert.hidden = !text;
}

export function showFieldErrors(form, fields) {
  for (const input of form.querySelectorAll("input")) {
    const text = fields[input.name] ?? "";
    element(`${input.id}-error`).textContent = text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
  }
  form.querySelector('[aria-invalid="true"]')?.focus();
}

/** Runs `work` with the form's buttons off; shows what went wrong beside the fields or above. */
export async function submitting(form, work) {
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => (button.disabled = true));
  alertWith(null);
  showFieldErrors(form, {});
  try {
    await work();
  } catch (error) {
    buttons.forEach((button) => (button.disabled = false)); // a disabled button keeps the focus from moving
    const shown = Object.keys(error.fields ?? {}).some((name) => form.elements[name]);
    if (shown) showFieldErrors(form, error.fields);
    else alertWith(error.message);
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}
