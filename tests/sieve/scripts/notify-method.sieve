require "enotify";
notify "snailmail:me";
