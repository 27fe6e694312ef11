// Takes a lock and keeps it until it is ended, as a process or as a worker thread: `holder.mjs <lock file> <use|write|gate>
// <name>`. It says whether it got it.
import process from 'node:process'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Locks } from '#lib/store/locks.js'

const [file, kind, name] = isMainThread ? process.argv.slice(2) : workerData
const locks = await Locks.open(file)
const got = kind === 'gate' ? (await locks.gates([name])) !== undefined : locks.hold(kind, name)
if (isMainThread) process.stdout.write(`${got}\n`)
else parentPort.postMessage(got)
setInterval(() => locks.heldHere('use', name), 1000)
