// Tars by other programs and packages: what else a user could take. None of them may be quicker.
import { create as nodeTar } from 'tar'
import tarFs from 'tar-fs'
import { has } from '../../run.mjs'
import { Unavailable } from '../bench.mjs'
import { drained } from '../memory.mjs'

const TREE = 'small'

function row(name, against, ready, peer) {
  return {
    name: `diff-${TREE}-${name}`,
    work: 'diff of 20,000 small files, read here',
    against,
    bound: 1,
    prepare: async (bench) => {
      const program = ready(bench)
      return { bench, program, graph: await bench.store(), directory: await bench.layer(TREE) }
    },
    ours: async ({ graph }) => {
      if ((await drained(await graph.diff(TREE))) === 0) throw new Error('the stream was empty')
    },
    peer,
  }
}

function bsdtar() {
  if (!has('bsdtar')) throw new Unavailable('bsdtar is missing: apt-get install libarchive-tools')
}

const shell = 'bsdtar -cf - -C "$1" . | cat >/dev/null'

export default [
  row('bsdtar', 'bsdtar -cf - | cat', bsdtar, ({ bench, directory }) =>
    bench.timed('sh', '-c', shell, 'sh', directory),
  ),
  row(
    'go',
    'archive/tar in Go',
    (bench) => bench.goProgram('gotar'),
    ({ bench, program, directory }) => bench.clocked(program, 'pack', directory),
  ),
  row(
    'tar-fs',
    'tar-fs, read here',
    () => undefined,
    async ({ directory }) => void (await drained(tarFs.pack(directory))),
  ),
  row(
    'node-tar',
    'node-tar, read here',
    () => undefined,
    async ({ directory }) => void (await drained(nodeTar({ cwd: directory }, ['.']))),
  ),
]
