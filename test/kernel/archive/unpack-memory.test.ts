import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mountSync, removeTreeSync, umount2Sync } from 'graphdriver/sys'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { LONG } from '../../figures.ts'
import { describeMounts } from '../namespace.ts'

const MiB = 1 << 20

/** What a process of its own needs at its most to unpack so many empty files. */
function peakOf(directory: string, form: LayerForm, files: number): number {
  const program = fileURLToPath(new URL('unpack-many.mjs', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, directory, form, String(files)])
  assert.equal(status, 0, stderr.toString())
  return Number(stdout.toString())
}

describeMounts('unpack: memory', (top) => {
  const files = LONG ? 2_000_000 : 50_000
  // An inode of tmpfs takes a KiB of the machine's memory, not of the process's.
  const options = `size=${LONG ? '8g' : '1g'},nr_inodes=${files * 2}`

  // A copy of the layers below has to know the names that it made: hashes, at most four times as large as they are.
  for (const [form, each] of [
    ['overlay', 8],
    ['plain', 8 + 32],
  ] as const) {
    it(`${form}: ${files} empty files cost next to nothing each`, function () {
      this.timeout(600_000)
      const [few, many] = [join(top(), 'few'), join(top(), 'many')]
      for (const path of [few, many]) {
        mkdirSync(path)
        mountSync('graphdriver-test', path, 'tmpfs', 0, options)
      }
      const base = peakOf(few, form, 1000)
      const peak = peakOf(many, form, files)
      for (const path of [few, many]) {
        removeTreeSync(join(path, 'layer'))
        umount2Sync(path, 0)
      }
      console.log(
        `      ${(peak / MiB).toFixed(0)} MiB at the most, ${(base / MiB).toFixed(0)} MiB of them for a few files`,
      )
      assert.ok(peak < 300 * MiB)
      // What the engine needs for what passes through it, whatever it is.
      assert.ok(peak - base < 48 * MiB + files * each, `${peak - base} bytes more than for a few`)
    })
  }
})
