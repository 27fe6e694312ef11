import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

import { tool } from '../../scripts/toolbox.mjs'
import * as user from './user.ts'

interface Manager {
  /** Its name in the toolbox. */
  name: string
  /** What it is told before it installs, as files of the project. */
  files?: Record<string, string>
  install: string[]
  /** Installs once more, exactly what the lock file says. */
  again: string[]
  /** The Node.js that it needs, where it is not the one of the tests. */
  node?: string
}

const npm = {
  install: ['install', '--no-audit', '--no-fund', '--prefer-offline'],
  again: ['ci', '--no-audit', '--no-fund', '--prefer-offline'],
}
const berry = (linker: string): Record<string, string> => ({
  '.yarnrc.yml': `nodeLinker: ${linker}\nenableTelemetry: false\nenableGlobalCache: false\n`,
  'yarn.lock': '',
})

/** Yarn's Plug'n'Play is not among them: it puts its own file handles in place of Node's, and those have no sync() (seen with 4.18.1). */
const managers: Manager[] = [
  { name: 'npm-10', ...npm },
  { name: 'npm-11', ...npm },
  { name: 'npm-12', ...npm, node: 'node-24' },
  { name: 'pnpm-10', install: ['install'], again: ['install', '--frozen-lockfile'] },
  { name: 'yarn-1', install: ['install', '--non-interactive'], again: ['install', '--frozen-lockfile'] },
  { name: 'yarn-4', files: berry('node-modules'), install: ['install'], again: ['install', '--immutable'] },
  { name: 'yarn-4', files: berry('pnpm'), install: ['install'], again: ['install', '--immutable'] },
]

/** How yarn is told of the registry that npm knows. */
function registry(): NodeJS.ProcessEnv {
  const text = user.succeeds(['npm', 'config', 'get', 'registry'], tmpdir())
  const url = /^https?:.*$/m.exec(text)?.[0] ?? ''
  return { npm_config_registry: url, YARN_NPM_REGISTRY_SERVER: url.replace(/\/$/, ''), YARN_REGISTRY: url }
}

user.describeLong('package managers are fetched', 'the package, installed by every package manager', () => {
  let work: string
  let tarball: string

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'managers-'))
    tarball = user.pack(work)
  })
  after(() => {
    rmSync(work, { recursive: true })
  })

  for (const manager of managers) {
    const linker = /nodeLinker: (.*)/.exec(manager.files?.['.yarnrc.yml'] ?? '')?.[1]
    it(`${manager.name}${linker ? ` (${linker})` : ''}: no compiler, no script; layers are mounted`, () => {
      const directory = join(work, `${manager.name}${linker ?? ''}`)
      const project = user.project(join(directory, 'project'), {
        dependencies: { graphdriver: `file:${tarball}` },
      })
      for (const [name, text] of Object.entries(manager.files ?? {})) writeFileSync(join(project, name), text)
      const watched = user.decoys(join(directory, 'watched'))
      const node = manager.node ? tool(manager.node) : process.execPath
      const environment: NodeJS.ProcessEnv = { ...user.environment(watched), ...registry() }
      for (const name of [
        'YARN_CACHE_FOLDER',
        'YARN_GLOBAL_FOLDER',
        'XDG_DATA_HOME',
        'XDG_CACHE_HOME',
        'XDG_STATE_HOME',
      ])
        environment[name] = join(directory, name)
      environment['PATH'] = `${watched}:${dirname(node)}:${process.env['PATH'] ?? ''}`
      const program = [node, tool(manager.name)]
      user.succeeds([...program, ...manager.install], project, environment)
      rmSync(join(project, 'node_modules'), { recursive: true, force: true })
      user.succeeds([...program, ...manager.again], project, environment)
      assert.deepEqual(user.called(watched), [])
      assert.deepEqual(user.withScripts(project), [])
      user.smoke([node, '--no-warnings'], project)
    }).timeout(300_000)
  }

  it('the tarball has the name and version of package.json', () => {
    assert.match(basename(tarball), /^graphdriver-\d+\.\d+\.\d+.*\.tgz$/)
  })
})
