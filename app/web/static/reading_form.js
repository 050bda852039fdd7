// The options of how files are read, from a form; empty fields are left to the service.

const LISTS = new Set(["class_columns", "include_columns", "exclude_columns", "column_types"]);
const NUMBERS = new Set(["class_folder", "image_size"]);

export function readOptions(form) {
  const options = {};
  for (const [name, text] of new FormData(form)) {
    const value = text.trim();
    if (!value) continue;
    if (LISTS.has(name)) options[name] = value.split(",").map((part) => part.trim()).filter(Boolean);
    else options[name] = NUMBERS.has(name) ? Number(value) : value;
  }
  return options;
}
