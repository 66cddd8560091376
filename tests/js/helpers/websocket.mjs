// Gives a program the WebSocket class that Node 20 does not have.
import { require } from './deps.mjs';

globalThis.WebSocket ??= require('ws').WebSocket;
