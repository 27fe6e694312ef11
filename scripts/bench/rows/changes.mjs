// A layer that changes 25,000 files of its parent, adds 25,000 and deletes 500. It is written as overlay has it on disk, into the
// layer's own directory.
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { mknodatSync } from 'graphdriver/sys'
import { Unavailable } from '../bench.mjs'

const AT_FDCWD = -100
const S_IFCHR = 0o020000
const DELETED = 500

/** The parent's copy of every second file of the tree, and files that the tree does not have. */
function fillParent(parent, tree, deleted) {
  const names = readdirSync(tree, { recursive: true }).filter((name) => statSync(join(tree, name)).isFile())
  for (const name of names.filter((_, at) => at % 2 === 0)) {
    mkdirSync(dirname(join(parent, name)), { recursive: true })
    writeFileSync(join(parent, name), 'as it was')
  }
  for (let at = 0; at < deleted; at++) writeFileSync(join(parent, `deleted-${at}`), 'as it was')
}

async function prepare(bench) {
  const graph = await bench.store()
  if (graph.name !== 'overlay') throw new Unavailable('the overlay driver does not work here')
  const deleted = bench.scaled(DELETED)
  await graph.create('parent')
  await graph.create('child', { parent: 'parent' })
  const { diff } = await graph.layout('child')
  bench.plant('many', diff)
  fillParent((await graph.layout('parent')).diff, diff, deleted)
  for (let at = 0; at < deleted; at++) mknodatSync(AT_FDCWD, join(diff, `deleted-${at}`), S_IFCHR, 0, 0)
  await bench.sync()
  return { bench, graph, diff, deleted, program: bench.program('nftw') }
}

export default {
  name: 'changes',
  work: 'changes of 50,000 files: half modified, half added, 500 deleted',
  against: 'nftw in C',
  bound: 1.5,
  prepare,
  ours: async ({ graph, deleted }) => {
    const changes = await graph.changes('child')
    if (changes.filter(({ kind }) => kind === 'deleted').length !== deleted)
      throw new Error('deletions are missing')
  },
  peer: ({ bench, program, diff }) => bench.clocked(program, diff),
}
