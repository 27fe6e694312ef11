import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { machine } from '../../scripts/machines.mjs'
import * as user from './user.ts'

interface Runtime {
  /** Its name among the machines. */
  name: string
  arguments?: string[]
  /** What it says of itself. */
  says?: { runtime?: string; arch?: string }
}

const runtimes: Runtime[] = [
  ...['node-20', 'node-22', 'node-24', 'node-26'].map((name) => ({ name })),
  { name: 'arm64', says: { arch: 'arm64' } },
  { name: 'bun', says: { runtime: 'bun' } },
  { name: 'bun-musl', says: { runtime: 'bun' } },
  { name: 'deno', arguments: ['run', '--allow-all', '--no-lock'], says: { runtime: 'deno' } },
]

user.describeLong(
  'runtimes are fetched',
  'the installed package is imported, required, and mounts layers',
  () => {
    let work: string
    let project: string

    before(function () {
      this.timeout(300_000)
      work = mkdtempSync(join(tmpdir(), 'runtimes-'))
      machine('arm64') // builds the binary that the tarball shall hold
      project = user.project(join(work, 'project'))
      const flags = ['--no-audit', '--no-fund', '--prefer-offline']
      user.succeeds(['npm', 'install', ...flags, user.pack(work)], project)
    })
    after(() => {
      rmSync(work, { recursive: true })
    })

    for (const { name, arguments: words = ['--no-warnings'], says } of runtimes) {
      it(`on ${name}`, () => {
        const { node, env } = machine(name)
        const flags = name.startsWith('bun') ? [] : words
        // The emulated one starts in an environment that this machine's programs would not bear.
        const settings = Object.entries({ ...env, DENO_DIR: join(work, 'deno') }).filter(
          ([key]) => !/^(PATH|GRAPHDRIVER_)/.test(key),
        )
        const assignments = settings.map(([key, value]) => `${key}=${value}`)
        user.smoke(
          ['env', `PATH=${dirname(node)}:${process.env['PATH'] ?? ''}`, ...assignments, node, ...flags],
          project,
          says,
        )
      }).timeout(300_000)
    }
  },
)
