import type { L1Table, L1View } from '../l1/table'

const VIEWS = new WeakMap<L1Table, Map<string, L1View>>()

/** The view of a namespace by its full path. */
export function viewAt(table: L1Table, path: string): L1View {
  let views = VIEWS.get(table)
  if (views === undefined) VIEWS.set(table, (views = new Map([['', table.root]])))
  let view = views.get(path)
  if (view === undefined) {
    view = path.split('/').reduce((parent, name) => parent.child(name), table.root)
    views.set(path, view)
  }
  return view
}
