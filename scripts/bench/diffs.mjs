// Rows that turn a layer into a tar, in this process, against GNU tar.
import { rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { Unavailable } from './bench.mjs'
import { has } from '../run.mjs'

async function prepare(bench, tree) {
  if (!has('tar')) throw new Unavailable('tar is missing')
  const directory = await bench.layer(tree)
  return { bench, graph: await bench.store(), tree, directory, file: bench.at(`${tree}.tar`) }
}

/** GNU tar reads no contents when its output is /dev/null: so there is a cat between the two. */
const shell = 'tar -cf - -C "$1" . | cat >/dev/null'

/** The stream that `diff` gives, read to its end. */
export function readRow(tree, words, bound) {
  return {
    name: `diff-${tree}`,
    work: `diff of ${words}, read here`,
    against: 'tar -cf - | cat',
    bound,
    prepare: (bench) => prepare(bench, tree),
    ours: async ({ graph }) => {
      let bytes = 0
      for await (const chunk of await graph.diff(tree)) bytes += chunk.length
      if (bytes === 0) throw new Error('the stream was empty')
    },
    peer: ({ bench, directory }) => bench.timed('sh', '-c', shell, 'sh', directory),
  }
}

/** `diffTo` a file on the same filesystem. */
export function fileRow(tree, words, bound) {
  return {
    name: `diff-to-${tree}`,
    work: `diffTo of ${words}, to a file`,
    against: 'tar -cf FILE',
    bound,
    prepare: (bench) => prepare(bench, tree),
    // Deleted before the kernel writes it down; truncating it would be part of the next run.
    reset: ({ file }) => rmSync(file, { force: true }),
    end: ({ file }) => rmSync(file, { force: true }),
    ours: async ({ graph, file }) => {
      const handle = await open(file, 'w')
      try {
        await graph.diffTo(tree, handle)
      } finally {
        await handle.close()
      }
    },
    peer: ({ bench, directory, file }) => bench.timed('tar', '-cf', file, '-C', directory, '.'),
  }
}
