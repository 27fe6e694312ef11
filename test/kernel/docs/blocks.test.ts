import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { makeDockerRoot } from '../../contract/docker.ts'
import { bin, Shell, userland } from '../cli/support.ts'
import { skip } from '../../skip.ts'
import { describeMounts } from '../namespace.ts'
import { type Block, blocksOf } from './blocks.ts'

const root = resolve(import.meta.dirname, '../../..')
const pages = ['README.md', ...pagesBelow('docs')]
function pagesBelow(directory: string): string[] {
  const names = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.md')).map((name) => `${directory}/${name}`)
}

/** Where the pages have their stores and disks: each gets empty ones. */
const PLACES = ['/var/lib', '/mnt']

describeMounts('every block of code in README and docs', function (directory) {
  this.timeout(240_000)
  beforeEach(() => {
    for (const place of PLACES) mountSync('docs', place, 'tmpfs', 0, 'size=64m')
  })
  afterEach(() => {
    for (const place of PLACES) umount2Sync(place, MNT_DETACH)
  })

  /** A new user's directory: the package installed, the command in the path, the tar of a root filesystem. */
  function prepare(rootfs: string): NodeJS.ProcessEnv {
    const at = (name: string): string => join(directory(), name)
    mkdirSync(at('node_modules/.bin'), { recursive: true })
    symlinkSync(root, at('node_modules/graphdriver'))
    writeFileSync(
      at('node_modules/.bin/graphdriver'),
      `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`,
      {
        mode: 0o755,
      },
    )
    writeFileSync(at('rootfs.tar.gz'), gzipSync(readFileSync(rootfs)))
    writeFileSync(at('package.json'), '{ "type": "module" }')
    makeDockerRoot('/mnt/disk/var/lib/docker/aufs')
    const env = { ...process.env, PATH: `${at('node_modules/.bin')}:${process.env['PATH'] ?? ''}` }
    for (const name of ['NODE_OPTIONS', 'GRAPHDRIVER_ROOT', 'GRAPHDRIVER_DRIVER'])
      Reflect.deleteProperty(env, name)
    return env
  }

  function run(
    page: string,
    { code, language, line, output }: Block,
    rootfs: string,
    env: NodeJS.ProcessEnv,
  ): void {
    const options = { cwd: directory(), env, encoding: 'utf8', input: readFileSync(rootfs) } as const
    const script = join(directory(), `block-${String(line)}.${language}`)
    writeFileSync(script, code)
    const tsx = [
      '--disable-warning=ExperimentalWarning',
      '--import',
      join(root, 'node_modules/tsx/dist/esm/index.mjs'),
    ]
    const done =
      language === 'sh'
        ? spawnSync('bash', ['-eu', script], options)
        : spawnSync(process.execPath, [...tsx, script], options)
    assert.equal(done.status, 0, `${page}:${String(line)}\n${done.stdout}${done.stderr}`)
    if (output !== undefined) assert.match(done.stdout, asPattern(output), `${page}:${String(line)}`)
  }

  /** What a page shows of an output, where sizes, digests and random names may be others. */
  function asPattern(output: string): RegExp {
    const pattern = output
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replace(/ *\d+(\\\.\d+)? [KMG]?i?B\b/g, ' *[0-9.]+ [KMG]?i?B')
      .replace(/\d+ entries/g, '\\d+ entries')
      .replace(/sha256:[0-9a-f]{64}/g, 'sha256:[0-9a-f]{64}')
    return new RegExp(`^${pattern}\n$`)
  }

  for (const page of pages) {
    const blocks = blocksOf(readFileSync(join(root, page), 'utf8')).filter(({ language }) => language !== '')
    const wanted = blocks.filter(({ notRun }) => notRun === undefined)
    if (blocks.length === 0) continue
    it(`${page}: ${String(wanted.length)} of ${String(blocks.length)}, the others say why not`, function () {
      for (const { language, line, notRun } of blocks) {
        if (notRun === undefined)
          assert.match(language, /^(sh|js|ts)$/, `${page}:${String(line)}: ${language}`)
      }
      const rootfs = userland(new Shell(directory()))
      if (rootfs === undefined) skip(this, 'there is no static busybox: apt-get install busybox-static')
      const env = prepare(rootfs)
      for (const block of wanted) run(page, block, rootfs, env)
    })
  }

  it('finds blocks, and the reasons before them', () => {
    assert.deepEqual(blocksOf('```sh\nx\n```\n\n```text\nout\n```\n'), [
      { line: 2, language: 'sh', code: 'x', output: 'out' },
    ])
    assert.match('b: 3 entries, 12 MiB\n', asPattern('b: 21 entries,   3.5 KiB'))
    assert.doesNotMatch('b: 3 entries, 12 MiB\nmore\n', asPattern('b: 21 entries,   3.5 KiB'))
    const text = 'a\n```sh\nx\ny\n```\n\n<!-- not run: because -->\n\n```js\nz\n```\n  ```\n  out\n  ```\n'
    assert.deepEqual(blocksOf(text), [
      { line: 3, language: 'sh', code: 'x\ny' },
      { line: 10, language: 'js', code: 'z', notRun: 'because' },
      { line: 13, language: '', code: '  out' },
    ])
  })
})
