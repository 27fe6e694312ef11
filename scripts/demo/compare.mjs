// What one tree has and another has not, by looking at both: works for every driver.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

function walk(root, path = '', found = new Map()) {
  for (const name of readdirSync(join(root, path)).sort()) {
    const below = join(path, name)
    const stats = lstatSync(join(root, below))
    found.set(below, stats)
    if (stats.isDirectory()) walk(root, below, found)
  }
  return found
}

function same(before, after, a, b) {
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false
  if (a.isDirectory()) return true
  if (a.isSymbolicLink()) return readlinkSync(before) === readlinkSync(after)
  return a.size === b.size && (!a.isFile() || readFileSync(before).equals(readFileSync(after)))
}

/** Rows of 'added', 'modified' or 'deleted' and a path; a directory that came or went stands for all in it. */
export function compareTrees(before, after) {
  const old = walk(before)
  const now = walk(after)
  const rows = []
  for (const [path, stats] of now) {
    const was = old.get(path)
    if (was === undefined) rows.push(['added', path])
    else if (!same(join(before, path), join(after, path), was, stats)) rows.push(['modified', path])
  }
  for (const path of old.keys()) if (!now.has(path)) rows.push(['deleted', path])
  const whole = (kind) => new Set(rows.filter(([one]) => one === kind).map(([, path]) => path))
  const sets = { added: whole('added'), deleted: whole('deleted') }
  return rows
    .filter(([kind, path]) => !sets[kind]?.has(path.slice(0, path.lastIndexOf('/'))))
    .sort(([, a], [, b]) => (a < b ? -1 : 1))
}
