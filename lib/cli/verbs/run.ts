import { UsageError } from '../usage.ts'
import { runInside } from '../inside.ts'
import { putAsFound } from '../mounted.ts'
import type { Verb } from '../verb.ts'
import { LAYER } from '../words.ts'

export const run: Verb = {
  name: 'run',
  summary: 'run a program with a layer as its root',
  details: [
    'Mounts the layer, runs the program in a mount namespace of its own with the layer as its root (chroot), gives the layer back, and ends with the exit code of the program. What was mounted before stays mounted.',
    'It is no sandbox: the program sees the processes, the network and the users of this machine. Only the layer is there: no /proc, /dev or /sys but what the layer holds. The program may mount them; they end with it. It takes unshare(1) and chroot(1).',
  ],
  arguments: [LAYER, { name: '<command...>', summary: 'the program and its arguments, after --' }],
  options: [{ flags: '-r, --read-only', summary: 'the program cannot change the layer' }],
  shape: '{ id, exitCode, signal? }, on the standard error: the standard output is the program’s',
  examples: [
    {
      command: 'graphdriver run app -- sh -c "echo hello > /greeting"',
      says: 'the change lands in the layer app',
    },
  ],
  passThrough: true,
  failureCode: 125,
  async run(input, context) {
    const id = input.word('id')
    const words = input.words('command')
    const command = words[0] === '--' ? words.slice(1) : words
    if (command === words && words[0]?.startsWith('-')) {
      throw new UsageError(`options stand before the layer: graphdriver run ${words[0]} … ID -- PROGRAM`)
    }
    if (command.length === 0) throw new UsageError('name a program to run: graphdriver run ID -- PROGRAM')
    await using driver = await context.open()
    const path = await driver.get(id, { readOnly: input.on('readOnly'), signal: context.signal })
    try {
      const ended = await runInside(path, command)
      return { data: { id, ...ended }, text: () => '', exitCode: ended.exitCode, aside: true }
    } finally {
      await putAsFound(driver, id)
    }
  },
}
