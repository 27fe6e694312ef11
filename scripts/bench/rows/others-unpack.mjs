// The same the other way: the tar of GNU tar becomes a tree, on a tmpfs.
import { createReadStream, mkdirSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { extract as nodeTar } from 'tar'
import tarFs from 'tar-fs'
import { has } from '../../run.mjs'
import { applyRow } from '../applies.mjs'
import { Unavailable } from '../bench.mjs'

const WORDS = { small: '20,000 small files', few: '4,000 small files' }

function row(tree, name, against, unpack, ready) {
  const usual = applyRow(tree, WORDS[tree], 1, { memory: true, keep: false })
  return {
    ...usual,
    name: `apply-${tree}-${name}`,
    against,
    prepare: async (bench) => {
      const program = ready?.(bench)
      return { ...(await usual.prepare(bench)), program }
    },
    peer: (state) => {
      const directory = `${state.area}/peer${++state.runs}`
      mkdirSync(directory)
      state.made.push({ directory })
      return unpack(state, directory)
    },
  }
}

function bsdtar() {
  if (!has('bsdtar')) throw new Unavailable('bsdtar is missing: apt-get install libarchive-tools')
}

export default [
  row(
    'small',
    'bsdtar',
    'bsdtar -xpf',
    ({ bench, file }, directory) => bench.timed('bsdtar', '-xpf', file, '-C', directory),
    bsdtar,
  ),
  row(
    'small',
    'go',
    'archive/tar in Go',
    ({ bench, program, file }, directory) => bench.clocked(program, 'unpack', file, directory),
    (bench) => bench.goProgram('gotar'),
  ),
  row('few', 'tar-fs', 'tar-fs', async ({ file }, directory) => {
    await pipeline(createReadStream(file), tarFs.extract(directory))
  }),
  row('few', 'node-tar', 'node-tar', async ({ file }, directory) => {
    await nodeTar({ file, cwd: directory, preserveOwner: true })
  }),
]
