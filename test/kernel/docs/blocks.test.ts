import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { makeDockerRoot } from '../../contract/docker.ts'
import { bin, Shell, userland } from '../cli/support.ts'
import { describeMounts, skip } from '../namespace.ts'
import { type Block, blocksOf } from './blocks.ts'

const root = resolve(import.meta.dirname, '../../..')
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
)
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

  function run(page: string, { code, language, line }: Block, rootfs: string, env: NodeJS.ProcessEnv): void {
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
      if (rootfs === undefined) skip(this, 'there is no static busybox (busybox-static)')
      const env = prepare(rootfs)
      for (const block of wanted) run(page, block, rootfs, env)
    })
  }

  it('finds blocks, and the reasons before them', () => {
    const text = 'a\n```sh\nx\ny\n```\n\n<!-- not run: because -->\n\n```js\nz\n```\n  ```\n  out\n  ```\n'
    assert.deepEqual(blocksOf(text), [
      { line: 3, language: 'sh', code: 'x\ny' },
      { line: 10, language: 'js', code: 'z', notRun: 'because' },
      { line: 13, language: '', code: '  out' },
    ])
  })
})
