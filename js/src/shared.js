// What the widgets of a page share: each comes with its own copy of these modules.

export const page = (globalThis.__nablaviz ??= { library: null, views: new Set(), contexts: new WeakMap(), volumes: new Map() });

/** All living views of the page. */
export const { views } = page;

/** The views of a camera group, and whether all of them have what a choice would show. */
function membersOf(group, choice) {
  const members = [...views].filter(({ model }) => group && model.get("camera_group") === group);
  return [members, members.length > 0 && members.every(({ shown }) => shown.ahead.has(choice))];
}

/** Whether views can show a choice before Python has heard of it: see Shown. */
export function ready(group, choice) {
  return membersOf(group, choice)[1];
}

/** Lets them do so, all in one frame; as soon as they can. */
export function choose(group, choice) {
  const [members, ready] = membersOf(group, choice);
  for (const { shown } of members) shown.choose(choice, ready);
}
