// The texts of a widget: Python sends those of the language that is set.

/** Says a text of the model by its key, with values for the names in braces. */
export function speaker(model) {
  const words = model.get("words");
  return (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
